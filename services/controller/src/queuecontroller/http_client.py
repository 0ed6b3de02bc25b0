"""An HTTP client that makes a span of each request, where a recorded span is the current one."""

from __future__ import annotations

from typing import Any

import httpx
from opentelemetry import propagate, trace
from opentelemetry.trace import Span, SpanKind, StatusCode

from queuecore.observe.tracing import names
from queuecore.observe.tracing.names import SCOPE

_tracer = trace.get_tracer(SCOPE)


class TracedClient(httpx.AsyncClient):
    """Besides, the request carries the span's context: the Kubernetes API and Prometheus can go on with it."""

    async def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        """Send a request; the span ends when the answer begins."""
        if not trace.get_current_span().is_recording():
            return await super().send(request, **options)
        with _tracer.start_as_current_span(
            request.method, kind=SpanKind.CLIENT, record_exception=False, set_status_on_exception=False
        ) as span:
            _describe(span, request)
            propagate.inject(request.headers)
            try:
                answer = await super().send(request, **options)
            except BaseException as error:
                _fail(span, type(error).__name__)
                raise
            span.set_attribute(names.HTTP_STATUS, answer.status_code)
            if answer.is_error:
                _fail(span, str(answer.status_code))
            return answer


def _describe(span: Span, request: httpx.Request) -> None:
    url = request.url
    span.set_attribute(names.HTTP_METHOD, request.method)
    span.set_attribute(names.URL_FULL, str(url.copy_with(userinfo=b"")))
    span.set_attribute(names.SERVER_ADDRESS, url.host)
    if url.port is not None:
        span.set_attribute(names.SERVER_PORT, url.port)


def _fail(span: Span, error_type: str) -> None:
    span.set_attribute(names.ERROR_TYPE, error_type)
    span.set_status(StatusCode.ERROR)
