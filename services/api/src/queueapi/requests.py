"""The bodies of requests."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

MAX_RETRIES = 10_000
MAX_BATCH = 1_000
MAX_METADATA = 64
"""Entries."""
MAX_METADATA_BYTES = 16 * 1024
MAX_KEY_LENGTH = 255
"""Characters of an idempotency key or a unique key."""

_Duration = Annotated[str, Meta(description="A duration as Go writes it.", examples=["30s", "5m", "1h30m", "500ms"])]
_Moment = Annotated[str, Meta(description="An RFC 3339 time with a zone.", examples=["2024-01-15T10:00:00Z"])]


class RetryPolicyFields(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long to wait before each retry."""

    curve: Literal["exponential", "linear", "constant"] = "exponential"
    base: Annotated[str, Meta(description="The delay before the first retry, a duration.")] = "1s"
    factor: Annotated[float, Meta(ge=1, le=1_000, description="Exponential: each delay is so many times the last.")] = (
        2.0
    )
    max: Annotated[str, Meta(description="No delay is longer, a duration.")] = "15m"
    jitter: Annotated[float, Meta(ge=0, le=1, description="The share by which a delay is varied at random.")] = 0.2


class CreateTask(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A task to enqueue."""

    type: Annotated[str, Meta(description="Chooses the handler.", examples=["demo"])]
    payload: Annotated[
        Any,
        Meta(
            description="What the handler is given; a JSON object.",
            extra_json_schema={"type": "object", "examples": [{"message": "Hello", "count": 5}]},
        ),
    ]
    queue: Annotated[str, Meta(description="The queue's name.")] = "default"
    max_retries: (
        Annotated[int, Meta(ge=0, le=MAX_RETRIES, description="How many attempts may follow a failed first one.")]
        | msgspec.UnsetType
    ) = msgspec.UNSET
    timeout: _Duration | msgspec.UnsetType = msgspec.UNSET
    process_at: _Moment | msgspec.UnsetType = msgspec.UNSET
    unique: (
        Annotated[str, Meta(description="No equal task is taken within this duration.", examples=["1h"])]
        | msgspec.UnsetType
    ) = msgspec.UNSET
    metadata: (
        Annotated[dict[str, str], Meta(max_length=MAX_METADATA, description="The caller's own notes.")]
        | msgspec.UnsetType
    ) = msgspec.UNSET
    task_id: (
        Annotated[str, Meta(description="The caller's own id; enqueued once. Without it, a UUIDv7 is made.")]
        | msgspec.UnsetType
    ) = msgspec.UNSET
    priority: Annotated[int, Meta(ge=0, le=9, description="Of the pending tasks of a queue, 9 runs first.")] = 5
    deadline: _Moment | msgspec.UnsetType = msgspec.UNSET
    retry_policy: RetryPolicyFields | msgspec.UnsetType = msgspec.UNSET
    unique_key: (
        Annotated[
            str,
            Meta(
                min_length=1,
                max_length=MAX_KEY_LENGTH,
                description="With `unique`: what makes tasks equal, in place of the payload.",
            ),
        ]
        | msgspec.UnsetType
    ) = msgspec.UNSET
    retention: (
        Annotated[str, Meta(description="How long the completed task is kept; `0s` forgets it at once.")]
        | msgspec.UnsetType
    ) = msgspec.UNSET


class BatchTask(CreateTask, kw_only=True, forbid_unknown_fields=True):
    """A task of a batch."""

    idempotency_key: (
        Annotated[str, Meta(description="As the header `Idempotency-Key` of a single request.")] | msgspec.UnsetType
    ) = msgspec.UNSET


class CreateBatch(msgspec.Struct, forbid_unknown_fields=True):
    """Tasks to enqueue, each for itself."""

    tasks: Annotated[list[msgspec.Raw], Meta(min_length=1, max_length=MAX_BATCH)]
