"""Who works: the registrations of the workers."""

from __future__ import annotations

from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp

from queueapi.json_answer import json_answer
from queueapi.responses import WorkerView
from queueapi.store_deadline import store_deadline
from queuecore.domain.timestamp import format_rfc3339
from queuecore.store.registry import Registry, WorkerStatus


def worker_routes(registry: Registry) -> list[HTTPRouteHandler]:
    """The route of workers."""

    @get("/api/v1/workers")
    async def workers() -> ASGIApp:
        async with store_deadline():
            registered = await registry.workers()
        return json_answer([_view(each) for each in registered])

    return [workers]


def _view(status: WorkerStatus) -> WorkerView:
    return WorkerView(
        worker=status.worker,
        pod=status.pod,
        queues=status.queues,
        types=status.types,
        slots=status.slots,
        busy=status.busy,
        draining=status.draining,
        started_at=format_rfc3339(status.started_at_ms),
    )
