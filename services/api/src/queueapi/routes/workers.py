"""Live workers, from their latest heartbeats."""

from __future__ import annotations

from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp

from queueapi.http.response import json_response
from queueapi.http.store_deadline import StoreDeadline
from queueapi.schemas.operation import SERVER_ERRORS, Operation, Response
from queueapi.schemas.responses import WorkerView
from queuecore.domain.timestamp import format_rfc3339
from queuecore.store.queues.directory import Directory, WorkerStatus

WORKER_OPERATIONS = (
    Operation(
        path="/api/v1/workers",
        method="get",
        tag="workers",
        id="getWorkers",
        summary="List the live workers and their load",
        responses={200: Response(list[WorkerView], "One object per worker.")},
        errors=SERVER_ERRORS,
    ),
)


def worker_routes(directory: Directory) -> list[HTTPRouteHandler]:
    """The route for workers."""

    @get("/api/v1/workers")
    async def workers() -> ASGIApp:
        async with StoreDeadline():
            registered = await directory.workers()
        return json_response([_view(each) for each in registered])

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
