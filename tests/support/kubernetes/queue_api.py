"""Stand-in for Taskyard's API: queue metrics and the list of workers, set by the test."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from aiohttp import web
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric

from queuecore.observe.metrics import definitions as metrics


class Queues(msgspec.Struct):
    """State that one API reports."""

    pending: float = 0
    active: float = 0
    due: float = 0
    ended: float = 0
    longest_task_s: float = 1000
    busy: dict[str, int] = {}
    """Pod -> tasks that it runs."""
    oldest: float | None = None
    text: str | None = None
    """The metrics verbatim, instead of the generated ones."""
    delay_s: float = 0
    status: int = 200
    workers_status: int = 200
    before_recheck: Callable[[], Awaitable[None]] | None = None
    """Called once, before the second response of the list of workers."""
    worker_requests: int = 0


class QueueApi:
    """Many APIs on one server, selected by the first path segment."""

    def __init__(self) -> None:
        self.apis: dict[str, Queues] = {}

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/{name}/metrics", self._metrics)
        app.router.add_get("/{name}/api/v1/workers", self._workers)
        return app

    async def _metrics(self, request: web.Request) -> web.Response:
        api = self.apis[request.match_info["name"]]
        await asyncio.sleep(api.delay_s)
        text = expose(api) if api.text is None else api.text
        return web.Response(text=text, status=api.status)

    async def _workers(self, request: web.Request) -> web.Response:
        api = self.apis[request.match_info["name"]]
        api.worker_requests += 1
        if api.worker_requests > 1 and api.before_recheck is not None:
            call, api.before_recheck = api.before_recheck, None
            await call()
        workers = [{"worker": f"{pod}-1", "pod": pod, "busy": busy, "slots": 10} for pod, busy in api.busy.items()]
        return web.json_response(workers, status=api.workers_status)


class _Exported(CollectorRegistry):
    def __init__(self, api: Queues) -> None:
        super().__init__()
        self._api = api

    def collect(self) -> Any:
        api = self._api
        tasks, due, oldest = (each.family() for each in _GAUGES)
        for state, number in {"pending": api.pending, "active": api.active, "scheduled": api.due}.items():
            tasks.add_metric(["default", state], number)
        for within in ("0s", "60s", "300s"):
            due.add_metric(["default", within], 0 if within == "0s" else api.due)
        oldest.add_metric(["default"], (1.0 if api.pending > 0 else 0.0) if api.oldest is None else api.oldest)
        ended, ran = metrics.TASKS_PROCESSED.family(), metrics.TASK_DURATION.family()
        ended.add_metric(["default", "demo", "completed"], api.ended)
        ran.add_metric(["default", "demo"], buckets=[(str(api.longest_task_s), 100), ("+Inf", 100)], sum_value=100.0)
        families: list[Metric] = [tasks, due, oldest, ended, ran]
        return families


_GAUGES = (metrics.QUEUE_TASKS, metrics.QUEUE_DUE_TASKS, metrics.QUEUE_OLDEST_PENDING)


def expose(api: Queues) -> str:
    return generate_latest(_Exported(api)).decode()
