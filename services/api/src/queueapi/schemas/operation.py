"""Operations of the API as the OpenAPI document describes them. Each route module lists its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

import msgspec

from queueapi.errors import JSON_TYPE

JSON_MEDIA_TYPE = JSON_TYPE.decode()

ErrorCodes = tuple[str, ...]
"""Values of ``code`` in the error responses with one status."""

STORE_ERRORS: Mapping[int, ErrorCodes] = {503: ("STORE_UNAVAILABLE", "STORE_FULL")}
SERVER_ERRORS: Mapping[int, ErrorCodes] = {500: ("INTERNAL_ERROR",), **STORE_ERRORS}
BODY_ERRORS: Mapping[int, ErrorCodes] = {
    408: ("REQUEST_TIMEOUT",),
    413: ("PAYLOAD_TOO_LARGE",),
    503: (*STORE_ERRORS[503], "OVERLOADED"),
}
ENQUEUE_OUTAGES: ErrorCodes = (*BODY_ERRORS[503], "NOT_DURABLE")

Parameter = Literal["TaskId", "Queue", "QueueName", "IdempotencyKey", "Traceparent"]
"""Component of the document that describes a parameter."""


class Response(NamedTuple):
    """A response that is not an error in the common format."""

    kind: object
    """Type of the body."""
    description: str
    media_type: str = JSON_MEDIA_TYPE


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One method of one path."""

    path: str
    method: Literal["get", "post", "put", "delete"]
    tag: str
    id: str
    summary: str
    responses: Mapping[int, Response]
    errors: Mapping[int, ErrorCodes] = {}
    parameters: tuple[Parameter, ...] = ()
    body: type[msgspec.Struct] | None = None
    """Type of the request's body."""
    replayable: bool = False
    """Whether responses may carry ``Idempotency-Replayed``."""
