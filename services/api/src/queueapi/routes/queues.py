"""Queue statistics and registered task types."""

from __future__ import annotations

import msgspec
from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromQuery
from litestar.types import ASGIApp

from queueapi.errors import ApiError
from queueapi.http.response import json_response
from queueapi.http.store_deadline import StoreDeadline
from queueapi.routes.task_lookup import checked_queue
from queueapi.schemas.operation import SERVER_ERRORS, STORE_ERRORS, Operation, Response
from queueapi.schemas.responses import QueueCounts, RegisteredType
from queueapi.submission.type_registry import TypeRegistry
from queuecore.store.queues.reader import QueueReader, QueueStats

QUEUE_OPERATIONS = (
    Operation(
        path="/api/v1/queues/stats",
        method="get",
        tag="queues",
        id="getQueueStats",
        summary="Count the tasks of all queues, or of one",
        parameters=("Queue",),
        responses={200: Response(list[QueueCounts], "One object per queue.")},
        errors={400: ("INVALID_REQUEST",), 404: ("QUEUE_NOT_FOUND",), 500: ("STATS_FAILED",), **STORE_ERRORS},
    ),
    Operation(
        path="/api/v1/types",
        method="get",
        tag="queues",
        id="getTypes",
        summary="List the task types that workers have registered",
        responses={200: Response(list[RegisteredType], "One object per type.")},
        errors=SERVER_ERRORS,
    ),
)


def queue_routes(reader: QueueReader, types: TypeRegistry) -> list[HTTPRouteHandler]:
    """The routes for queues and types."""

    @get("/api/v1/queues/stats", opt={"fault_code": "STATS_FAILED"})
    async def queue_stats(queue: FromQuery[str | None] = None) -> ASGIApp:
        async with StoreDeadline():
            queues = await reader.names()
            if queue is not None:
                queues = [_existing(checked_queue(queue), queues)]
            stats = await reader.stats(queues)
        return json_response([_counts(each) for each in stats])

    @get("/api/v1/types")
    async def registered_types() -> ASGIApp:
        async with StoreDeadline():
            await types.refresh()
        return json_response([RegisteredType(name, msgspec.Raw(schema)) for name, schema in types.schemas.items()])

    return [queue_stats, registered_types]


def _existing(queue: str, queues: list[str]) -> str:
    if queue in queues:
        return queue
    raise ApiError(404, "QUEUE_NOT_FOUND", f"no task was ever put into queue {queue}", {"queue": queue})


def _counts(stats: QueueStats) -> QueueCounts:
    return QueueCounts(queue=stats.queue, **{state.value: number for state, number in stats.counts.items()})
