"""Request metrics: counts, durations, and requests in flight."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Iterable
from time import perf_counter
from typing import TYPE_CHECKING

from litestar.enums import ScopeType
from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from queueapi.http.tracing import describe_request, request_span
from queuecore.observe.metrics.definitions import HTTP_REQUEST_DURATION, HTTP_REQUESTS
from queuecore.observe.metrics.histogram import DurationHistogram, current_trace_id
from queuecore.observe.tracing.tracer import PASSIVE, Tracer

if TYPE_CHECKING:
    from litestar.types import ASGIApp, Message, Receive, Scope, Send

UNMATCHED = "unmatched"
"""Route label of requests that match no route; their paths would create unbounded series."""
_NO_RESPONSE = 500
"""The status of requests that failed before their response."""
_OTHER_METHOD = "other"
_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})
_PARAMETER_TYPE = re.compile(r":\w+}")


class RequestMetrics(Collector):
    """ASGI middleware that measures requests.

    Args:
        app: handles the requests; it sets ``path_template`` in the scope.
        registry: exposes the metrics.
        tracing: opens a span for each request.
    """

    def __init__(self, app: ASGIApp, registry: CollectorRegistry, tracing: Tracer = PASSIVE) -> None:
        self._app = app
        self._tracing = tracing
        self._responses: Counter[tuple[str, str, int]] = Counter()
        self._durations = DurationHistogram(
            HTTP_REQUEST_DURATION, registry, labels=lambda key: (route_name(key[0]), key[1])
        )
        self._in_flight = 0
        self._idle = asyncio.Event()
        self._idle.set()
        registry.register(self)

    async def wait_until_idle(self) -> None:
        """Wait until no request is in flight, including those whose client has disconnected."""
        await self._idle.wait()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        status: int | None = None

        async def send_and_record(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        with request_span(self._tracing, scope) as span:
            started_s = perf_counter()
            self._in_flight += 1
            self._idle.clear()
            try:
                await self._app(scope, receive, send_and_record)
            finally:
                self._in_flight -= 1
                if not self._in_flight:
                    self._idle.set()
                template = scope.get("path_template")
                self._record(template or UNMATCHED, scope["method"], status or _NO_RESPONSE, perf_counter() - started_s)
                if span.is_recording():
                    describe_request(span, scope, route_name(template) if template else None, status)

    def collect(self) -> Iterable[Metric]:
        """The counts of requests; the durations register themselves."""
        requests = HTTP_REQUESTS.family()
        for (template, method, status), number in self._responses.items():
            requests.add_metric([route_name(template), method, str(status)], number)
        return (requests,)

    def _record(self, template: str, method: str, status: int, seconds: float) -> None:
        if method not in _METHODS:
            method = _OTHER_METHOD
        self._responses[template, method, status] += 1
        self._durations.note((template, method), seconds, current_trace_id())


def route_name(template: str) -> str:
    """A route template without parameter types, as metrics and traces show it."""
    return _PARAMETER_TYPE.sub("}", template)
