"""Export of spans to a collector, and rate-limited logs of failed exports."""

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
"""Least time between two log lines about failed exports."""

log = structlog.get_logger()


class ProcessResource(Resource):
    """The resource of this process, compared by identity.

    The exporter groups spans by resource; the SDK's own hash serializes all attributes as JSON for each span.
    """

    __hash__ = object.__hash__
    __eq__ = object.__eq__


def make_exporter(settings: TraceSettings) -> SpanExporter:
    """Make the exporter for the configured protocol; it reads the variables for TLS, timeouts and compression itself.

    Raises:
        ConfigError: the library of the protocol is not installed.
    """
    headers = dict(parse_env_headers(settings.headers, liberal=True)) if settings.headers else None
    # Imported here, because each exporter loads libraries that nothing else needs.
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
    """Route OpenTelemetry's warnings to our logs, rate limited: a collector may be unreachable for days."""
    library = logging.getLogger("opentelemetry")
    library.handlers = [_SeldomHandler(clock)]
    library.propagate = False


class _SeldomHandler(logging.Handler):
    """Logs one record per interval, with the number of records left out before."""

    def __init__(self, clock: Callable[[], float]) -> None:
        super().__init__(logging.WARNING)
        self._clock = clock
        self._silent_until = float("-inf")
        self._left_out = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Log or count a record; the caller holds the handler's lock."""
        now = self._clock()
        if now < self._silent_until:
            self._left_out += 1
            return
        fields: dict[str, Any] = {"left_out": self._left_out} if self._left_out else {}
        self._silent_until, self._left_out = now + LOG_INTERVAL_S, 0
        log.warning("tracing_troubled", error=record.getMessage(), logger=record.name, **fields)


def _traces_url(endpoint: str) -> str:
    return f"{endpoint.rstrip('/')}/v1/traces"
