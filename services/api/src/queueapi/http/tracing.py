"""Server spans: one for each request, in the trace of the caller."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.trace import Span, SpanKind

from queueapi.http.headers import trace_texts
from queuecore.observe.tracing import names
from queuecore.observe.tracing.tracer import NO_SPAN, SpanBlock, Tracer, fail

if TYPE_CHECKING:
    from litestar.types import HTTPScope

_UNTRACED = frozenset({"/live", "/ready", "/ready/local", "/metrics"})
"""Paths that kubelets and Prometheus request every few seconds."""
_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})
_FIRST_FAULT = 500


def request_span(tracing: Tracer, scope: HTTPScope) -> SpanBlock:
    """Open the span of a request; probes and scrapes have none."""
    if scope["path"] in _UNTRACED:
        return NO_SPAN
    headers = scope["headers"]
    return tracing.entry(_method(scope), SpanKind.SERVER, caller=lambda: trace_texts(headers))


def describe_request(span: Span, scope: HTTPScope, route: str | None, status: int | None) -> None:
    """Add a request that has ended, with the route that matched it and the status of its response, if any."""
    method = scope["method"]
    span.set_attribute(names.URL_PATH, scope["path"])
    span.set_attribute(names.URL_SCHEME, scope["scheme"])
    if method in _METHODS:
        span.set_attribute(names.HTTP_METHOD, method)
    else:
        span.set_attributes({names.HTTP_METHOD: "_OTHER", names.HTTP_METHOD_ORIGINAL: method})
    if server := scope["server"]:
        span.set_attribute(names.SERVER_ADDRESS, server[0])
        if server[1] is not None:
            # Uvicorn passes it as text.
            span.set_attribute(names.SERVER_PORT, int(server[1]))
    if route is not None:
        span.set_attribute(names.HTTP_ROUTE, route)
        span.update_name(f"{_method(scope)} {route}")
    if status is not None:
        span.set_attribute(names.HTTP_STATUS, status)
        if status >= _FIRST_FAULT:
            fail(span, str(status))


def _method(scope: HTTPScope) -> str:
    """Return a name from a small set, as the conventions require."""
    return scope["method"] if scope["method"] in _METHODS else "HTTP"
