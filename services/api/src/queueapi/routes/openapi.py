"""The OpenAPI 3.1 description of the api.

Schemas are made from the very structs that requests are read into and answers are written from; the operations stand
in one table here. A test holds the table against the routes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

import msgspec

from queueapi.errors import ErrorBody
from queueapi.schemas.requests import MAX_KEY_LENGTH, PRINTABLE_PATTERN, BatchTask, CreateBatch, CreateTask, SetLimits
from queueapi.schemas.responses import (
    BatchCreated,
    LimitsView,
    Message,
    NotReady,
    QueueCounts,
    RegisteredType,
    Status,
    TaskCreated,
    TaskView,
    WorkerView,
)
from queueapi.submission.idempotency_key import REPLAYED_HEADER
from queuecore.domain.names import QUEUE_NAME_PATTERN, TASK_ID_PATTERN

Json = dict[str, Any]

_REFERENCE = "#/components/schemas/{name}"
_STRUCTS = (
    BatchCreated,
    BatchTask,
    CreateBatch,
    CreateTask,
    ErrorBody,
    LimitsView,
    Message,
    NotReady,
    QueueCounts,
    RegisteredType,
    SetLimits,
    Status,
    TaskCreated,
    TaskView,
    WorkerView,
)
_STORE_CODES = {503: ("STORE_UNAVAILABLE", "STORE_FULL")}
_FIELD_CODES = (
    "INVALID_REQUEST",
    "INVALID_TASK_TYPE",
    "INVALID_PAYLOAD",
    "INVALID_TIMEOUT",
    "INVALID_PROCESS_AT",
    "INVALID_UNIQUE",
)
_ENQUEUE_ERRORS = {408: ("REQUEST_TIMEOUT",), 413: ("PAYLOAD_TOO_LARGE",), 422: ("IDEMPOTENCY_MISMATCH",)}


def describe_api() -> Json:
    """The whole document."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Taskyard",
            "version": version("queuecore"),
            "description": "A task queue: post tasks, watch them, control them.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name} for name in ("tasks", "queues", "workers", "health", "metrics", "schema")],
        "paths": {**_task_paths(), **_queue_paths(), **_probe_paths(), **_document_paths()},
        "components": {
            "schemas": _schemas(),
            "parameters": _parameters(),
            "headers": {
                "RetryAfter": {"description": "Seconds after which to ask again.", "schema": {"type": "integer"}},
                "Replayed": {
                    "description": "`true` when an earlier request with the same `Idempotency-Key` did it.",
                    "schema": {"type": "string", "enum": ["true"]},
                },
            },
        },
    }


def _task_paths() -> Json:
    found = {404: ("TASK_NOT_FOUND",), 400: ("INVALID_REQUEST",), **_STORE_CODES}
    named = [_parameter("TaskId"), _parameter("Queue")]
    return {
        "/api/v1/tasks": {
            "post": _operation(
                "tasks",
                "createTask",
                "Create a task and enqueue it",
                {201: (TaskCreated, "The task was enqueued.")},
                {
                    400: _FIELD_CODES,
                    409: ("DUPLICATE_TASK",),
                    429: ("QUEUE_FULL",),
                    **_ENQUEUE_ERRORS,
                    500: ("INTERNAL_ERROR",),
                    **_STORE_CODES,
                },
                parameters=[_parameter("IdempotencyKey"), _parameter("Traceparent")],
                body=CreateTask,
                headers={REPLAYED_HEADER: "Replayed"},
            )
        },
        "/api/v1/tasks/batch": {
            "post": _operation(
                "tasks",
                "createBatch",
                "Create many tasks, each for itself",
                {200: (BatchCreated, "What became of each task.")},
                {400: ("INVALID_REQUEST",), **_ENQUEUE_ERRORS, 500: ("INTERNAL_ERROR",), **_STORE_CODES},
                parameters=[_parameter("IdempotencyKey"), _parameter("Traceparent")],
                body=CreateBatch,
                headers={REPLAYED_HEADER: "Replayed"},
            )
        },
        "/api/v1/tasks/{task_id}": {
            "get": _operation(
                "tasks",
                "getTask",
                "Get a task",
                {200: (TaskView, "The task.")},
                {**found, 500: ("INTERNAL_ERROR",)},
                parameters=named,
            ),
            "delete": _operation(
                "tasks",
                "deleteTask",
                "Delete a task that is not running",
                {200: (Message, "The task is gone.")},
                {**found, 409: ("TASK_ACTIVE",), 500: ("DELETE_FAILED",)},
                parameters=named,
            ),
        },
        "/api/v1/tasks/{task_id}/cancel": {
            "post": _operation(
                "tasks",
                "cancelTask",
                "Cancel a task for good",
                {
                    200: (Message, "The task was cancelled."),
                    202: (Message, "The task is running; its worker was told to stop it."),
                },
                {**found, 409: ("TASK_NOT_CANCELLABLE",), 500: ("CANCEL_FAILED",)},
                parameters=named,
            )
        },
        "/api/v1/tasks/{task_id}/run": {
            "post": _operation(
                "tasks",
                "runTask",
                "Make a task pending at once, one that has ended included",
                {200: (Message, "The task is pending.")},
                {**found, 409: ("TASK_ACTIVE",), 500: ("INTERNAL_ERROR",)},
                parameters=named,
            )
        },
    }


def _queue_paths() -> Json:
    return {
        "/api/v1/queues/stats": {
            "get": _operation(
                "queues",
                "getQueueStats",
                "Count the tasks of all queues, or of one",
                {200: (list[QueueCounts], "One object per queue.")},
                {400: ("INVALID_REQUEST",), 404: ("QUEUE_NOT_FOUND",), 500: ("STATS_FAILED",), **_STORE_CODES},
                parameters=[_parameter("Queue")],
            )
        },
        "/api/v1/queues/{queue}/limits": _limits_path(),
        "/api/v1/queues/{queue}/pause": _pause_path("pauseQueue", "Hand no more tasks to workers", "Paused."),
        "/api/v1/queues/{queue}/resume": _pause_path("resumeQueue", "Hand tasks to workers again", "Resumed."),
        "/api/v1/types": {
            "get": _operation(
                "queues",
                "getTypes",
                "List the task types that workers have registered",
                {200: (list[RegisteredType], "One object per type.")},
                {500: ("INTERNAL_ERROR",), **_STORE_CODES},
            )
        },
        "/api/v1/workers": {
            "get": _operation(
                "workers",
                "getWorkers",
                "List the workers that are there, with the tasks that each runs",
                {200: (list[WorkerView], "One object per worker.")},
                {500: ("INTERNAL_ERROR",), **_STORE_CODES},
            )
        },
    }


def _limits_path() -> Json:
    answers = {200: (LimitsView, "The limits that are now in force.")}
    errors = {400: ("INVALID_REQUEST",), 500: ("INTERNAL_ERROR",), **_STORE_CODES}
    body_errors = {408: ("REQUEST_TIMEOUT",), 413: ("PAYLOAD_TOO_LARGE",)}
    named = [_parameter("QueueName")]
    return {
        "get": _operation("queues", "getLimits", "How much a queue takes in", answers, errors, parameters=named),
        "put": _operation(
            "queues",
            "setLimits",
            "Limit what a queue takes in, in place of the limits that it had",
            answers,
            {**errors, **body_errors},
            parameters=named,
            body=SetLimits,
        ),
    }


def _pause_path(operation_id: str, summary: str, meaning: str) -> Json:
    errors = {400: ("INVALID_REQUEST",), 500: ("INTERNAL_ERROR",), **_STORE_CODES}
    answers = {200: (Message, meaning)}
    operation = _operation("queues", operation_id, summary, answers, errors, parameters=[_parameter("QueueName")])
    return {"post": operation}


def _probe_paths() -> Json:
    ready = _operation("health", "getReady", "Whether the task store can be used", {200: (Status, "Ready.")}, {})
    ready["responses"]["503"] = _response("Not ready.", NotReady)
    return {
        "/health": {"get": _operation("health", "getHealth", "General health", {200: (Status, "Healthy.")}, {})},
        "/live": {"get": _operation("health", "getLive", "Whether the process lives", {200: (Status, "Alive.")}, {})},
        "/ready": {"get": ready},
    }


def _document_paths() -> Json:
    def document(operation_id: str, summary: str, tag: str, media_type: str, schema: Json) -> Json:
        answer = {"description": summary, "content": {media_type: {"schema": schema}}}
        return {"get": {"tags": [tag], "operationId": operation_id, "summary": summary, "responses": {"200": answer}}}

    return {
        "/metrics": document("getMetrics", "Metrics for Prometheus", "metrics", "text/plain", {"type": "string"}),
        "/schema": document(
            "getSchema", "This document", "schema", "application/vnd.oai.openapi+json", {"type": "object"}
        ),
        "/schema/openapi.json": document(
            "getSchemaJson", "This document", "schema", "application/json", {"type": "object"}
        ),
    }


def _operation(
    tag: str,
    operation_id: str,
    summary: str,
    answers: Mapping[int, tuple[object, str]],
    errors: Mapping[int, Sequence[str]],
    *,
    parameters: Sequence[Json] = (),
    body: type[msgspec.Struct] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Json:
    responses = {str(status): _response(meaning, kind, headers) for status, (kind, meaning) in answers.items()}
    for status, codes in sorted(errors.items()):
        retry = {"Retry-After": "RetryAfter"} if status in {429, 503} else None
        responses[str(status)] = _response(f"`code` is {' or '.join(codes)}.", ErrorBody, retry)
    operation: Json = {"tags": [tag], "operationId": operation_id, "summary": summary, "responses": responses}
    if parameters:
        operation["parameters"] = list(parameters)
    if body is not None:
        operation["requestBody"] = {"required": True, "content": _json_content(body)}
    return operation


def _response(meaning: str, kind: object, headers: Mapping[str, str] | None = None) -> Json:
    response: Json = {"description": meaning, "content": _json_content(kind)}
    if headers:
        response["headers"] = {name: {"$ref": f"#/components/headers/{ref}"} for name, ref in headers.items()}
    return response


def _json_content(kind: object) -> Json:
    (schema,), _ = msgspec.json.schema_components([kind], ref_template=_REFERENCE)
    return {"application/json": {"schema": schema}}


def _schemas() -> Json:
    _, components = msgspec.json.schema_components(_STRUCTS, ref_template=_REFERENCE)
    for name in ("CreateTask", "BatchTask"):
        components[name]["dependentRequired"] = {"unique_key": ["unique"]}
    # Each item is read for itself, so that a bad one harms no other; what it should be is known all the same.
    components["CreateBatch"]["properties"]["tasks"]["items"] = {"$ref": _REFERENCE.format(name="BatchTask")}
    return components


def _parameter(name: str) -> Json:
    return {"$ref": f"#/components/parameters/{name}"}


def _parameters() -> Json:
    return {
        "TaskId": {
            "name": "task_id",
            "in": "path",
            "required": True,
            "schema": {"type": "string", "pattern": f"^{TASK_ID_PATTERN}$"},
        },
        "Queue": {
            "name": "queue",
            "in": "query",
            "description": "The queue's name. Without it, a task is looked for in `default`, then in all others.",
            "schema": {"type": "string", "pattern": f"^{QUEUE_NAME_PATTERN}$"},
        },
        "QueueName": {
            "name": "queue",
            "in": "path",
            "required": True,
            "description": "The queue's name; it need not have had a task yet.",
            "schema": {"type": "string", "pattern": f"^{QUEUE_NAME_PATTERN}$"},
        },
        "IdempotencyKey": {
            "name": "Idempotency-Key",
            "in": "header",
            "description": "Names this request: sent again within 24 hours, it gets the first answer.",
            "schema": {"type": "string", "minLength": 1, "maxLength": MAX_KEY_LENGTH, "pattern": PRINTABLE_PATTERN},
        },
        "Traceparent": {
            "name": "traceparent",
            "in": "header",
            "description": "W3C trace context, handed on to the worker.",
            "schema": {"type": "string"},
        },
    }
