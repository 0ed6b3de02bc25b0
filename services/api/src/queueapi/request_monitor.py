"""Counting and timing of requests, and waiting for those under way."""

from __future__ import annotations

import asyncio
import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from time import perf_counter
from typing import TYPE_CHECKING

from litestar.enums import ScopeType
from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from queuecore.observe.metrics import HTTP_REQUEST_DURATION, HTTP_REQUESTS

if TYPE_CHECKING:
    from litestar.types import ASGIApp, Message, Receive, Scope, Send

UNMATCHED = "unmatched"
"""The route of requests that no route answers: paths come from outside and would make series without bound."""
_OTHER_METHOD = "other"
_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})
_PARAMETER_TYPE = re.compile(r":\w+}")
_BUCKETS_S = HTTP_REQUEST_DURATION.buckets_s


class _Durations:
    """How long the requests of one route and method took."""

    __slots__ = ("counts", "sum_s")

    def __init__(self) -> None:
        self.counts = [0] * (len(_BUCKETS_S) + 1)
        self.sum_s = 0.0


class RequestMonitor(Collector):
    """An ASGI app that watches over the requests of another.

    It keeps plain numbers and makes metrics of them only when it is scraped: the metrics' own objects, with a lock
    around each number, would cost more than most of a request.

    Args:
        app: answers the requests; notes the template of the route that it took in the scope.
        registry: where the metrics are exposed.
    """

    def __init__(self, app: ASGIApp, registry: CollectorRegistry) -> None:
        self._app = app
        self._answers: Counter[tuple[str, str, int]] = Counter()
        self._durations: dict[tuple[str, str], _Durations] = {}
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
        """What is exposed."""
        requests, durations = HTTP_REQUESTS.family(), HTTP_REQUEST_DURATION.family()
        for (template, method, status), number in self._answers.items():
            requests.add_metric([_route(template), method, str(status)], number)
        for (template, method), noted in self._durations.items():
            buckets, total = [], 0
            for bound, number in zip([*map(str, map(float, _BUCKETS_S)), "+Inf"], noted.counts, strict=True):
                total += number
                buckets.append((bound, total))
            durations.add_metric([_route(template), method], buckets=buckets, sum_value=noted.sum_s)
        return requests, durations

    def _note(self, template: str, method: str, status: int, seconds: float) -> None:
        if method not in _METHODS:
            method = _OTHER_METHOD
        self._answers[template, method, status] += 1
        noted = self._durations.get((template, method))
        if noted is None:
            noted = self._durations[template, method] = _Durations()
        noted.counts[bisect_left(_BUCKETS_S, seconds)] += 1
        noted.sum_s += seconds


def _route(template: str) -> str:
    return _PARAMETER_TYPE.sub("}", template)
