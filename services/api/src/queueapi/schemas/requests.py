"""The bodies of requests."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from queuecore.domain.names import QUEUE_NAME_PATTERN, TASK_ID_PATTERN, TASK_TYPE_PATTERN

MAX_RETRIES = 10_000
MAX_BATCH = 1_000
MAX_METADATA = 64
"""Entries."""
MAX_METADATA_BYTES = 16 * 1024
MAX_LIMIT = 2**53 - 1
"""The scripts count with doubles."""
MAX_KEY_LENGTH = 255
"""Characters of an idempotency key or a unique key."""

PRINTABLE_PATTERN = r"^[!-~]([ -~]*[!-~])?$"
"""Of an idempotency key: HTTP takes blanks around a header's value away."""

# What only describes: these are checked where tasks are made, which tells callers more of what is wrong.
_DURATION: dict[str, object] = {"format": "go-duration"}
_MOMENT: dict[str, object] = {"format": "date-time"}


def _form(pattern: str) -> dict[str, object]:
    return {"pattern": f"^{pattern}$"}


_Duration = Annotated[
    str,
    Meta(
        description="A duration as Go writes it.",
        examples=["30s", "5m", "1h30m", "500ms"],
        extra_json_schema=_DURATION,
    ),
]
_Moment = Annotated[
    str,
    Meta(description="An RFC 3339 time with a zone.", examples=["2024-01-15T10:00:00Z"], extra_json_schema=_MOMENT),
]


class RetryPolicyFields(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long to wait before each retry."""

    curve: Literal["exponential", "linear", "constant"] = "exponential"
    base: Annotated[
        str, Meta(description="The delay before the first retry, a duration.", extra_json_schema=_DURATION)
    ] = "1s"
    factor: Annotated[float, Meta(ge=1, le=1_000, description="Exponential: each delay is so many times the last.")] = (
        2.0
    )
    max: Annotated[str, Meta(description="No delay is longer, a duration.", extra_json_schema=_DURATION)] = "15m"
    jitter: Annotated[float, Meta(ge=0, le=1, description="The share by which a delay is varied at random.")] = 0.2


class CreateTask(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A task to enqueue."""

    type: Annotated[
        str, Meta(description="Chooses the handler.", examples=["demo"], extra_json_schema=_form(TASK_TYPE_PATTERN))
    ]
    payload: Annotated[
        Any,
        Meta(
            description="What the handler is given; a JSON object.",
            extra_json_schema={"type": "object", "examples": [{"message": "Hello", "count": 5}]},
        ),
    ]
    queue: Annotated[str, Meta(description="The queue's name.", extra_json_schema=_form(QUEUE_NAME_PATTERN))] = (
        "default"
    )
    max_retries: (
        Annotated[int, Meta(ge=0, le=MAX_RETRIES, description="How many attempts may follow a failed first one.")]
        | msgspec.UnsetType
    ) = msgspec.UNSET
    timeout: _Duration | msgspec.UnsetType = msgspec.UNSET
    process_at: _Moment | msgspec.UnsetType = msgspec.UNSET
    unique: (
        Annotated[
            str,
            Meta(
                description="No equal task is taken within this duration.", examples=["1h"], extra_json_schema=_DURATION
            ),
        ]
        | msgspec.UnsetType
    ) = msgspec.UNSET
    metadata: (
        Annotated[dict[str, str], Meta(max_length=MAX_METADATA, description="The caller's own notes.")]
        | msgspec.UnsetType
    ) = msgspec.UNSET
    task_id: (
        Annotated[
            str,
            Meta(
                description="The caller's own id; enqueued once. Without it, a UUIDv7 is made.",
                extra_json_schema=_form(TASK_ID_PATTERN),
            ),
        ]
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
        Annotated[
            str,
            Meta(
                description="How long the completed task is kept; `0s` forgets it at once.", extra_json_schema=_DURATION
            ),
        ]
        | msgspec.UnsetType
    ) = msgspec.UNSET


class BatchTask(CreateTask, kw_only=True, forbid_unknown_fields=True):
    """A task of a batch."""

    idempotency_key: (
        Annotated[
            str,
            Meta(
                description="As the header `Idempotency-Key` of a single request.",
                extra_json_schema={"pattern": PRINTABLE_PATTERN, "minLength": 1, "maxLength": MAX_KEY_LENGTH},
            ),
        ]
        | msgspec.UnsetType
    ) = msgspec.UNSET


class SetLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits of a queue; one that is null or left out falls back on that of the api's settings."""

    max_depth: (
        Annotated[
            int, Meta(ge=0, le=MAX_LIMIT, description="Tasks that may wait (pending, scheduled, retry); 0 closes it.")
        ]
        | None
    ) = None
    max_bytes: (
        Annotated[int, Meta(ge=0, le=MAX_LIMIT, description="Bytes that all tasks that are kept may take.")] | None
    ) = None


class CreateBatch(msgspec.Struct, forbid_unknown_fields=True):
    """Tasks to enqueue, each for itself."""

    tasks: Annotated[list[msgspec.Raw], Meta(min_length=1, max_length=MAX_BATCH)]
