"""What operators may do with a queue: limit it, pause it, let it go on."""

from __future__ import annotations

from typing import Any

from litestar import Request, get, post, put
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.types import ASGIApp

from queueapi.body import BodyReader
from queueapi.json_answer import Answer, encode, json_answer
from queueapi.parsing import parse_limits
from queueapi.responses import LimitsView, Message
from queueapi.store_deadline import store_deadline
from queueapi.task_finding import checked_queue
from queuecore.store.inspect import TaskReader
from queuecore.store.limits import QueueLimits
from queuecore.store.queue_control import QueueControl

_LIMITS = "/api/v1/queues/{queue:str}/limits"
_PAUSED = encode(Message("queue paused"))
_RESUMED = encode(Message("queue resumed"))


def queue_control_routes(
    bodies: BodyReader, reader: TaskReader, control: QueueControl, defaults: QueueLimits
) -> list[HTTPRouteHandler]:
    """The routes of queues that change something.

    Args:
        bodies: reads requests.
        reader: looks at queues.
        control: limits and pauses.
        defaults: hold for queues that have none of their own.
    """

    async def answer(queue: str) -> ASGIApp:
        (stats,) = await reader.stats([queue])
        limits = stats.limits.over(defaults)
        return json_answer(
            LimitsView(queue, limits.max_depth, limits.max_bytes, stats.waiting, stats.bytes, stats.paused)
        )

    @get(_LIMITS)
    async def get_limits(queue: FromPath[str]) -> ASGIApp:
        async with store_deadline():
            return await answer(checked_queue(queue))

    @put(_LIMITS)
    async def put_limits(queue: FromPath[str], request: Request[Any, Any, Any]) -> ASGIApp:
        name = checked_queue(queue)
        asked = parse_limits(await bodies.read(request.scope, request.receive))
        async with store_deadline():
            await control.limit(name, QueueLimits(asked.max_depth, asked.max_bytes))
            return await answer(name)

    @post("/api/v1/queues/{queue:str}/pause")
    async def pause_queue(queue: FromPath[str]) -> ASGIApp:
        async with store_deadline():
            await control.pause(checked_queue(queue))
        return Answer(_PAUSED)

    @post("/api/v1/queues/{queue:str}/resume")
    async def resume_queue(queue: FromPath[str]) -> ASGIApp:
        async with store_deadline():
            await control.resume(checked_queue(queue))
        return Answer(_RESUMED)

    return [get_limits, put_limits, pause_queue, resume_queue]
