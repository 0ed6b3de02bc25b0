"""The server's spans: one for each request, in the trace of the caller."""

from __future__ import annotations

from typing import TYPE_CHECKING

from litestar.enums import ScopeType
from opentelemetry.trace import Span, SpanKind

from queueapi.http.headers import trace_texts
from queueapi.http.metrics import route_name
from queuecore.observe.tracing import names
from queuecore.observe.tracing.tracer import Tracer, fail

if TYPE_CHECKING:
    from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

_UNTRACED = frozenset({"/live", "/ready", "/metrics"})
"""What kubelets and Prometheus ask for all the time."""
_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})
_FIRST_FAULT = 500


class RequestTracing:
    """An ASGI app that traces the requests of another.

    Args:
        app: answers the requests; notes the template of the route that it took in the scope.
        tracing: makes the spans.
    """

    def __init__(self, app: ASGIApp, tracing: Tracer) -> None:
        self._app = app
        self._tracing = tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != ScopeType.HTTP or scope["path"] in _UNTRACED:
            await self._app(scope, receive, send)
            return
        headers = scope["headers"]
        with self._tracing.entry(_method(scope), SpanKind.SERVER, caller=lambda: trace_texts(headers)) as span:
            if span.is_recording():
                await self._trace(span, scope, receive, send)
            else:
                await self._app(scope, receive, send)

    async def _trace(self, span: Span, scope: HTTPScope, receive: Receive, send: Send) -> None:
        async def send_and_note(message: Message) -> None:
            if message["type"] == "http.response.start":
                status = message["status"]
                span.set_attribute(names.HTTP_STATUS, status)
                if status >= _FIRST_FAULT:
                    fail(span, str(status))
            await send(message)

        _describe(span, scope)
        try:
            await self._app(scope, receive, send_and_note)
        finally:
            if template := scope.get("path_template"):
                route = route_name(template)
                span.set_attribute(names.HTTP_ROUTE, route)
                span.update_name(f"{_method(scope)} {route}")


def _describe(span: Span, scope: HTTPScope) -> None:
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
            # The server hands it over as a text.
            span.set_attribute(names.SERVER_PORT, int(server[1]))


def _method(scope: HTTPScope) -> str:
    """For the span's name: the conventions want few different ones."""
    return scope["method"] if scope["method"] in _METHODS else "HTTP"
