"""Single tasks: create, get, cancel, delete, run now."""

from __future__ import annotations

from litestar import asgi, delete, get, post
from litestar.enums import HttpMethod
from litestar.exceptions import MethodNotAllowedException
from litestar.handlers import ASGIRouteHandler, HTTPRouteHandler
from litestar.params import FromPath, FromQuery
from litestar.types import ASGIApp, Receive, Scope, Send

from queueapi.http.body import BodyReader
from queueapi.http.headers import idempotency_key, trace_texts
from queueapi.http.response import JsonResponse, encode, json_response
from queueapi.http.store_deadline import StoreDeadline
from queueapi.routes.task_lookup import TaskLookup
from queueapi.schemas.operation import (
    BODY_ERRORS,
    ENQUEUE_OUTAGES,
    SERVER_ERRORS,
    STORE_ERRORS,
    Operation,
    Parameter,
    Response,
)
from queueapi.schemas.requests import CreateTask
from queueapi.schemas.responses import Message, TaskCreated, TaskView
from queueapi.schemas.task_view import view_task
from queueapi.submission.pipeline import SubmissionPipeline
from queuecore.domain.state import TaskState
from queuecore.store.tasks.control import TaskControl

_CANCELLED = encode(Message("task cancelled"))
_CANCEL_REQUESTED = encode(Message("task cancellation requested"))
_DELETED = encode(Message("task deleted"))
_PENDING = encode(Message("task is pending"))

_ON_TASK: tuple[Parameter, ...] = ("TaskId", "Queue")
_TASK_ERRORS = {404: ("TASK_NOT_FOUND",), 400: ("INVALID_REQUEST",), **STORE_ERRORS}

TASK_OPERATIONS = (
    Operation(
        path="/api/v1/tasks",
        method="post",
        tag="tasks",
        id="createTask",
        summary="Create a task and enqueue it",
        parameters=("IdempotencyKey", "Traceparent"),
        body=CreateTask,
        responses={201: Response(TaskCreated, "The task was enqueued.")},
        errors={
            400: (
                "INVALID_REQUEST",
                "INVALID_TASK_TYPE",
                "INVALID_PAYLOAD",
                "INVALID_TIMEOUT",
                "INVALID_PROCESS_AT",
                "INVALID_UNIQUE",
            ),
            409: ("DUPLICATE_TASK",),
            422: ("IDEMPOTENCY_MISMATCH",),
            429: ("QUEUE_FULL",),
            **SERVER_ERRORS,
            **BODY_ERRORS,
            503: ENQUEUE_OUTAGES,
        },
        replayable=True,
    ),
    Operation(
        path="/api/v1/tasks/{task_id}",
        method="get",
        tag="tasks",
        id="getTask",
        summary="Get a task",
        parameters=_ON_TASK,
        responses={200: Response(TaskView, "The task.")},
        errors={**_TASK_ERRORS, 500: ("INTERNAL_ERROR",)},
    ),
    Operation(
        path="/api/v1/tasks/{task_id}",
        method="delete",
        tag="tasks",
        id="deleteTask",
        summary="Delete a task that is not running",
        parameters=_ON_TASK,
        responses={200: Response(Message, "The task is deleted.")},
        errors={**_TASK_ERRORS, 409: ("TASK_ACTIVE",), 500: ("DELETE_FAILED",)},
    ),
    Operation(
        path="/api/v1/tasks/{task_id}/cancel",
        method="post",
        tag="tasks",
        id="cancelTask",
        summary="Cancel a task",
        parameters=_ON_TASK,
        responses={
            200: Response(Message, "The task was cancelled."),
            202: Response(Message, "The task is running; its worker is asked to stop it."),
        },
        errors={**_TASK_ERRORS, 409: ("TASK_NOT_CANCELLABLE",), 500: ("CANCEL_FAILED",)},
    ),
    Operation(
        path="/api/v1/tasks/{task_id}/run",
        method="post",
        tag="tasks",
        id="runTask",
        summary="Make a task pending now, even if it has ended",
        parameters=_ON_TASK,
        responses={200: Response(Message, "The task is pending.")},
        errors={**_TASK_ERRORS, 409: ("TASK_ACTIVE", "DUPLICATE_TASK"), 500: ("INTERNAL_ERROR",)},
    ),
)


def task_routes(
    bodies: BodyReader, submissions: SubmissionPipeline, lookup: TaskLookup, control: TaskControl
) -> list[ASGIRouteHandler | HTTPRouteHandler]:
    """The routes for single tasks."""

    # Plain ASGI: it saves the argument resolution that Litestar does for a request handler.
    @asgi("/api/v1/tasks", copy_scope=False)
    async def create_task(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != HttpMethod.POST:  # type: ignore[typeddict-item]  # the API has no web sockets
            raise MethodNotAllowedException(headers={"Allow": HttpMethod.POST.value})
        body = await bodies.read(scope, receive)
        headers = scope["headers"]
        try:
            response = await submissions.submit_task(body, idempotency_key(headers), trace_texts(headers))
        finally:
            bodies.release(body)
        await response(scope, receive, send)

    @get("/api/v1/tasks/{task_id:str}")
    async def get_task(task_id: FromPath[str], queue: FromQuery[str | None] = None) -> ASGIApp:
        async with StoreDeadline():
            return json_response(view_task(await lookup.find(task_id, queue)))

    @post("/api/v1/tasks/{task_id:str}/cancel", opt={"fault_code": "CANCEL_FAILED"})
    async def cancel_task(task_id: FromPath[str], queue: FromQuery[str | None] = None) -> ASGIApp:
        async with StoreDeadline():
            state = await control.cancel(await lookup.locate(task_id, queue), task_id)
        return JsonResponse(_CANCEL_REQUESTED, 202) if state is TaskState.ACTIVE else JsonResponse(_CANCELLED)

    @delete("/api/v1/tasks/{task_id:str}", opt={"fault_code": "DELETE_FAILED"}, status_code=200)
    async def delete_task(task_id: FromPath[str], queue: FromQuery[str | None] = None) -> ASGIApp:
        async with StoreDeadline():
            await control.delete(await lookup.locate(task_id, queue), task_id)
        return JsonResponse(_DELETED)

    @post("/api/v1/tasks/{task_id:str}/run")
    async def run_task(task_id: FromPath[str], queue: FromQuery[str | None] = None) -> ASGIApp:
        async with StoreDeadline():
            await control.run_now(await lookup.locate(task_id, queue), task_id)
        return JsonResponse(_PENDING)

    return [create_task, get_task, cancel_task, delete_task, run_task]
