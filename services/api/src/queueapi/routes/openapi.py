"""The OpenAPI 3.1 document, assembled from the operations of the route modules.

Its schemas are generated from the structs that requests are decoded into and responses are encoded from. A test checks
that each route has its operation.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import msgspec

from queueapi.errors import ErrorBody
from queueapi.routes.batch import BATCH_OPERATIONS
from queueapi.routes.metrics import METRICS_OPERATIONS
from queueapi.routes.probes import PROBE_OPERATIONS
from queueapi.routes.queue_control import QUEUE_CONTROL_OPERATIONS
from queueapi.routes.queues import QUEUE_OPERATIONS
from queueapi.routes.schema import SCHEMA_OPERATIONS
from queueapi.routes.tasks import TASK_OPERATIONS
from queueapi.routes.workers import WORKER_OPERATIONS
from queueapi.schemas.operation import JSON_MEDIA_TYPE, Operation
from queueapi.schemas.requests import MAX_KEY_LENGTH, PRINTABLE_PATTERN, BatchTask
from queueapi.submission.idempotency_key import HEADER, REPLAYED_HEADER
from queuecore.domain.names import QUEUE_NAME_PATTERN, TASK_ID_PATTERN

Json = dict[str, Any]

OPERATIONS: tuple[Operation, ...] = (
    *TASK_OPERATIONS,
    *BATCH_OPERATIONS,
    *QUEUE_OPERATIONS,
    *QUEUE_CONTROL_OPERATIONS,
    *WORKER_OPERATIONS,
    *PROBE_OPERATIONS,
    *METRICS_OPERATIONS,
    *SCHEMA_OPERATIONS,
)

_SCHEMA_REFERENCE = "#/components/schemas/{name}"
_QUEUE_NAME: Json = {"type": "string", "pattern": f"^{QUEUE_NAME_PATTERN}$"}


def describe_api() -> Json:
    """The whole document."""
    paths: Json = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Taskyard",
            "version": version("taskyard-core"),
            "description": "A task queue: enqueue, inspect and control tasks.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name} for name in dict.fromkeys(operation.tag for operation in OPERATIONS)],
        "paths": paths,
        "components": {"schemas": _schemas(), "parameters": _parameters(), "headers": _headers()},
    }


def _operation(operation: Operation) -> Json:
    replayed = {REPLAYED_HEADER: "Replayed"} if operation.replayable else {}
    responses = {
        str(status): _response(each.description, each.kind, replayed, each.media_type)
        for status, each in operation.responses.items()
    }
    for status, codes in sorted(operation.errors.items()):
        retry = {"Retry-After": "RetryAfter"} if status in {429, 503} else {}
        responses[str(status)] = _response(f"`code` is {' or '.join(codes)}.", ErrorBody, retry)
    described: Json = {
        "tags": [operation.tag],
        "operationId": operation.id,
        "summary": operation.summary,
        "responses": responses,
    }
    if operation.parameters:
        described["parameters"] = [{"$ref": f"#/components/parameters/{name}"} for name in operation.parameters]
    if operation.body is not None:
        described["requestBody"] = {"required": True, "content": _content(operation.body, JSON_MEDIA_TYPE)}
    return described


def _response(description: str, kind: object, headers: Mapping[str, str], media_type: str = JSON_MEDIA_TYPE) -> Json:
    response: Json = {"description": description, "content": _content(kind, media_type)}
    if headers:
        response["headers"] = {name: {"$ref": f"#/components/headers/{ref}"} for name, ref in headers.items()}
    return response


def _content(kind: object, media_type: str) -> Json:
    (schema,), _ = msgspec.json.schema_components([kind], ref_template=_SCHEMA_REFERENCE)
    return {media_type: {"schema": schema}}


def _schemas() -> Json:
    kinds: list[object] = [ErrorBody, BatchTask]
    for operation in OPERATIONS:
        kinds += [response.kind for response in operation.responses.values()]
        if operation.body is not None:
            kinds.append(operation.body)
    _, components = msgspec.json.schema_components(kinds, ref_template=_SCHEMA_REFERENCE)
    for name in ("CreateTask", "BatchTask"):
        components[name]["dependentRequired"] = {"unique_key": ["unique"]}
    # The struct leaves the tasks undecoded, so that each is refused on its own; the document has their schema.
    components["CreateBatch"]["properties"]["tasks"]["items"] = {"$ref": _SCHEMA_REFERENCE.format(name="BatchTask")}
    return components


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
            "description": "The queue's name. Without it, a task is searched in `default`, then in all other queues.",
            "schema": _QUEUE_NAME,
        },
        "QueueName": {
            "name": "queue",
            "in": "path",
            "required": True,
            "description": "The queue's name; the queue need not exist yet.",
            "schema": _QUEUE_NAME,
        },
        "IdempotencyKey": {
            "name": HEADER,
            "in": "header",
            "description": "Identifies this request; a repeated request within 24 hours gets the first response.",
            "schema": {"type": "string", "minLength": 1, "maxLength": MAX_KEY_LENGTH, "pattern": PRINTABLE_PATTERN},
        },
        "Traceparent": {
            "name": "traceparent",
            "in": "header",
            "description": "W3C trace context, propagated to the worker.",
            "schema": {"type": "string"},
        },
    }


def _headers() -> Json:
    return {
        "RetryAfter": {"description": "Seconds after which to retry.", "schema": {"type": "integer"}},
        "Replayed": {
            "description": "`true` when an earlier request with the same `Idempotency-Key` created the tasks.",
            "schema": {"type": "string", "enum": ["true"]},
        },
    }
