"""HTTP requests, with spans while the current span is recorded."""

from __future__ import annotations

from typing import Any

import httpx
from opentelemetry import propagate
from opentelemetry.trace import Span, SpanKind

from queuecore.observe.tracing import names
from queuecore.observe.tracing.tracer import PASSIVE, fail


async def send(client: httpx.AsyncClient, request: httpx.Request, **options: Any) -> httpx.Response:
    """Send a request with the context of its span, which ends when the response begins.

    Args:
        client: sends the request.
        request: the Kubernetes API and Prometheus can continue its trace.
        **options: see :meth:`httpx.AsyncClient.send`.

    Raises:
        httpx.HTTPError: there was no response.
    """
    with PASSIVE.span(request.method, SpanKind.CLIENT) as span:
        _describe(span, request)
        response = await client.send(request, **options)
        span.set_attribute(names.HTTP_STATUS, response.status_code)
        if response.is_error:
            fail(span, str(response.status_code))
        return response


def _describe(span: Span, request: httpx.Request) -> None:
    if not span.is_recording():
        return
    url = request.url
    span.set_attribute(names.HTTP_METHOD, request.method)
    span.set_attribute(names.URL_FULL, str(url.copy_with(userinfo=b"")))
    span.set_attribute(names.SERVER_ADDRESS, url.host)
    if url.port is not None:
        span.set_attribute(names.SERVER_PORT, url.port)
    propagate.inject(request.headers)
