"""Trace context of the caller, for the headers of an enqueue."""

from __future__ import annotations

import sys


def trace_headers() -> dict[str, str]:
    """``traceparent`` and ``tracestate`` of the current span of OpenTelemetry; empty without OpenTelemetry or a span.

    OpenTelemetry is not imported: a process that has not imported it has no span.
    """
    if "opentelemetry.trace" not in sys.modules:
        return {}
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415 - as above

    headers: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(headers)
    return headers
