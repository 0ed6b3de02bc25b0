"""Queue control: limits, durability, settings, pause, resume."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from litestar import Request, get, post, put
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.types import ASGIApp

from queueapi.errors import durability_unavailable, invalid_field
from queueapi.http.body import BodyReader
from queueapi.http.response import JsonResponse, encode, json_response
from queueapi.http.store_deadline import StoreDeadline
from queueapi.routes.task_lookup import checked_queue
from queueapi.schemas.operation import BODY_ERRORS, ENQUEUE_OUTAGES, SERVER_ERRORS, Operation, Response
from queueapi.schemas.parsing import parse_limits, parse_queue_settings
from queueapi.schemas.requests import SetLimits, SetQueueSettings
from queueapi.schemas.responses import LimitsView, Message, QueueSettingsView
from queuecore.domain.durability import MEMORY, Durability, parse_durability
from queuecore.domain.duration import format_duration, parse_duration
from queuecore.errors import InvalidField
from queuecore.store.queues.control import QueueControl
from queuecore.store.queues.limits import QueueLimits
from queuecore.store.queues.reader import QueueReader
from queuecore.store.queues.settings import QueueSettings

FindDurabilityProblem = Callable[[Durability], Awaitable[str | None]]

_LIMITS = "/api/v1/queues/{queue:str}/limits"
_SETTINGS = "/api/v1/queues/{queue:str}/settings"
_PAUSED = encode(Message("queue paused"))
_RESUMED = encode(Message("queue resumed"))

_LIMITS_IN_FORCE = {200: Response(LimitsView, "The limits in force.")}
_OWN_SETTINGS = {200: Response(QueueSettingsView, "The queue's own settings.")}
_CONTROL_ERRORS = {400: ("INVALID_REQUEST",), **SERVER_ERRORS}

QUEUE_CONTROL_OPERATIONS = (
    Operation(
        path="/api/v1/queues/{queue}/limits",
        method="get",
        tag="queues",
        id="getLimits",
        summary="Get the limits and the durability of a queue",
        parameters=("QueueName",),
        responses=_LIMITS_IN_FORCE,
        errors=_CONTROL_ERRORS,
    ),
    Operation(
        path="/api/v1/queues/{queue}/limits",
        method="put",
        tag="queues",
        id="setLimits",
        summary="Replace the limits and the durability of a queue",
        parameters=("QueueName",),
        body=SetLimits,
        responses=_LIMITS_IN_FORCE,
        errors={**_CONTROL_ERRORS, 409: ("DURABILITY_UNAVAILABLE",), **BODY_ERRORS, 503: ENQUEUE_OUTAGES},
    ),
    Operation(
        path="/api/v1/queues/{queue}/settings",
        method="get",
        tag="queues",
        id="getQueueSettings",
        summary="Get the settings of a queue",
        parameters=("QueueName",),
        responses=_OWN_SETTINGS,
        errors=_CONTROL_ERRORS,
    ),
    Operation(
        path="/api/v1/queues/{queue}/settings",
        method="put",
        tag="queues",
        id="setQueueSettings",
        summary="Replace the settings of a queue",
        parameters=("QueueName",),
        body=SetQueueSettings,
        responses=_OWN_SETTINGS,
        errors={**_CONTROL_ERRORS, **BODY_ERRORS},
    ),
    Operation(
        path="/api/v1/queues/{queue}/pause",
        method="post",
        tag="queues",
        id="pauseQueue",
        summary="Pause a queue: workers get no more tasks from it",
        parameters=("QueueName",),
        responses={200: Response(Message, "Paused.")},
        errors=_CONTROL_ERRORS,
    ),
    Operation(
        path="/api/v1/queues/{queue}/resume",
        method="post",
        tag="queues",
        id="resumeQueue",
        summary="Resume a paused queue",
        parameters=("QueueName",),
        responses={200: Response(Message, "Resumed.")},
        errors=_CONTROL_ERRORS,
    ),
)


def queue_control_routes(
    bodies: BodyReader,
    reader: QueueReader,
    control: QueueControl,
    defaults: QueueLimits,
    find_durability_problem: FindDurabilityProblem,
) -> list[HTTPRouteHandler]:
    """The routes that control queues.

    Args:
        bodies: reads request bodies.
        reader: reads the queues' statistics.
        control: sets limits, pauses and resumes.
        defaults: limits for queues without their own.
        find_durability_problem: finds the reason why the store cannot provide a durability.
    """

    async def show_limits(queue: str) -> ASGIApp:
        (stats,) = await reader.stats([queue])
        limits = stats.limits.over(defaults)
        return json_response(
            LimitsView(
                queue=queue,
                max_depth=limits.max_depth,
                max_bytes=limits.max_bytes,
                waiting=stats.waiting,
                bytes=stats.bytes,
                paused=stats.paused,
                durability=str(limits.durability or MEMORY),
            )
        )

    @get(_LIMITS)
    async def get_limits(queue: FromPath[str]) -> ASGIApp:
        async with StoreDeadline():
            return await show_limits(checked_queue(queue))

    @put(_LIMITS)
    async def put_limits(queue: FromPath[str], request: Request[Any, Any, Any]) -> ASGIApp:
        name = checked_queue(queue)
        body = await bodies.read(request.scope, request.receive)
        bodies.release(body)
        requested = parse_limits(body)
        durability = _parse_durability(requested)
        async with StoreDeadline():
            if durability and (problem := await find_durability_problem(durability)):
                raise durability_unavailable(problem)
            await control.limit(name, QueueLimits(requested.max_depth, requested.max_bytes, durability))
            return await show_limits(name)

    @get(_SETTINGS)
    async def get_settings(queue: FromPath[str]) -> ASGIApp:
        name = checked_queue(queue)
        async with StoreDeadline():
            return _view_settings(name, await control.settings(name))

    @put(_SETTINGS)
    async def put_settings(queue: FromPath[str], request: Request[Any, Any, Any]) -> ASGIApp:
        name = checked_queue(queue)
        body = await bodies.read(request.scope, request.receive)
        bodies.release(body)
        requested = parse_queue_settings(body)
        settings = QueueSettings(
            _milliseconds(requested.archive_retention, "archive_retention"),
            _milliseconds(requested.priority_ageing, "priority_ageing"),
        )
        async with StoreDeadline():
            await control.configure(name, settings)
            return _view_settings(name, settings)

    @post("/api/v1/queues/{queue:str}/pause")
    async def pause_queue(queue: FromPath[str]) -> ASGIApp:
        async with StoreDeadline():
            await control.pause(checked_queue(queue))
        return JsonResponse(_PAUSED)

    @post("/api/v1/queues/{queue:str}/resume")
    async def resume_queue(queue: FromPath[str]) -> ASGIApp:
        async with StoreDeadline():
            await control.resume(checked_queue(queue))
        return JsonResponse(_RESUMED)

    return [get_limits, put_limits, get_settings, put_settings, pause_queue, resume_queue]


def _parse_durability(requested: SetLimits) -> Durability | None:
    try:
        return None if requested.durability is None else parse_durability(requested.durability)
    except InvalidField as error:
        raise invalid_field("INVALID_REQUEST", error) from error


def _milliseconds(duration: str | None, field: str) -> int | None:
    try:
        return None if duration is None else parse_duration(duration, field)
    except InvalidField as error:
        raise invalid_field("INVALID_REQUEST", error) from error


def _view_settings(queue: str, settings: QueueSettings) -> JsonResponse:
    retention_ms, ageing_ms = settings.archive_retention_ms, settings.priority_ageing_ms
    return json_response(
        QueueSettingsView(
            queue,
            None if retention_ms is None else format_duration(retention_ms),
            None if ageing_ms is None else format_duration(ageing_ms),
        )
    )
