"""Sending spans to a collector, and keeping the logs readable while there is none."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

import structlog
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace.export import SpanExporter
from opentelemetry.util.re import parse_env_headers

from queuecore.errors import ConfigError
from queuecore.settings.shared import TraceSettings

LOG_INTERVAL_S = 60.0
"""How often the logs tell of failed exports at most."""

log = structlog.get_logger()


class ProcessResource(Resource):
    """What is said of the process; there is one.

    The exporter looks it up for each span, and the SDK's writes all that it says as JSON for that.
    """

    __hash__ = object.__hash__
    __eq__ = object.__eq__


def make_exporter(settings: TraceSettings) -> SpanExporter:
    """What sends spans; of the variables, it reads those for TLS, time limits and compression by itself.

    Raises:
        ConfigError: the protocol's library is not installed.
    """
    headers = dict(parse_env_headers(settings.headers, liberal=True)) if settings.headers else None
    # Imported here, as no one else needs these libraries.
    if settings.protocol == "grpc":
        try:
            from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import (  # noqa: PLC0415
                OTLPSpanExporter as GrpcExporter,
            )
        except ImportError as error:
            raise ConfigError(
                "OTEL_EXPORTER_OTLP_PROTOCOL: grpc needs the package queuecore[otlp-grpc]; "
                "without it, it takes http/protobuf"
            ) from error
        return GrpcExporter(endpoint=settings.traces_endpoint or settings.endpoint, headers=headers)
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415
        OTLPSpanExporter as HttpExporter,
    )

    return HttpExporter(endpoint=settings.traces_endpoint or _traces_url(settings.endpoint or ""), headers=headers)


def quieten_library(clock: Callable[[], float] = time.monotonic) -> None:
    """Let OpenTelemetry tell of its troubles through our logs, and seldom: a collector may be away for days."""
    library = logging.getLogger("opentelemetry")
    library.handlers = [_SeldomHandler(clock)]
    library.propagate = False


class _SeldomHandler(logging.Handler):
    """Logs one record of an interval, and how many it left out before."""

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__(logging.WARNING)
        self._clock = clock
        self._silent_until = float("-inf")
        self._left_out = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Log the record, or count it; the caller holds the handler's lock."""
        now = self._clock()
        if now < self._silent_until:
            self._left_out += 1
            return
        fields: dict[str, Any] = {"left_out": self._left_out} if self._left_out else {}
        self._silent_until, self._left_out = now + LOG_INTERVAL_S, 0
        log.warning("tracing_troubled", error=record.getMessage(), logger=record.name, **fields)


def _traces_url(endpoint: str) -> str:
    return f"{endpoint.rstrip('/')}/v1/traces"
