"""Counting and timing of requests, and waiting for those under way."""

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

from queuecore.observe.metrics.definitions import HTTP_REQUEST_DURATION, HTTP_REQUESTS
from queuecore.observe.metrics.histogram import DurationHistogram, current_trace_id

if TYPE_CHECKING:
    from litestar.types import ASGIApp, Message, Receive, Scope, Send

UNMATCHED = "unmatched"
"""The route of requests that no route answers: paths come from outside and would make series without bound."""
_OTHER_METHOD = "other"
_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})
_PARAMETER_TYPE = re.compile(r":\w+}")


class RequestMetrics(Collector):
    """An ASGI app that watches over the requests of another.

    Args:
        app: answers the requests; notes the template of the route that it took in the scope.
        registry: where the metrics are exposed.
    """

    def __init__(self, app: ASGIApp, registry: CollectorRegistry) -> None:
        self._app = app
        self._answers: Counter[tuple[str, str, int]] = Counter()
        self._durations = DurationHistogram(
            HTTP_REQUEST_DURATION, registry, labels=lambda key: (route_name(key[0]), key[1])
        )
        self._under_way = 0
        self._idle = asyncio.Event()
        self._idle.set()
        registry.register(self)

    async def wait_until_idle(self) -> None:
        """Wait until no request is under way; the server forgets those whose client has gone, and they go on."""
        await self._idle.wait()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        status = 500

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        begun_s = perf_counter()
        self._under_way += 1
        self._idle.clear()
        try:
            await self._app(scope, receive, send_and_note)
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._idle.set()
            self._note(scope.get("path_template") or UNMATCHED, scope["method"], status, perf_counter() - begun_s)

    def collect(self) -> Iterable[Metric]:
        """What is exposed beside the durations."""
        requests = HTTP_REQUESTS.family()
        for (template, method, status), number in self._answers.items():
            requests.add_metric([route_name(template), method, str(status)], number)
        return (requests,)

    def _note(self, template: str, method: str, status: int, seconds: float) -> None:
        if method not in _METHODS:
            method = _OTHER_METHOD
        self._answers[template, method, status] += 1
        self._durations.note((template, method), seconds, current_trace_id())


def route_name(template: str) -> str:
    """A route as metrics and traces name it."""
    return _PARAMETER_TYPE.sub("}", template)
