"""Request bodies."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from queuecore.domain.durability import DURABILITY_PATTERN
from queuecore.domain.names import QUEUE_NAME_PATTERN, TASK_ID_PATTERN, TASK_TYPE_PATTERN

MAX_RETRIES = 10_000
MAX_BATCH = 1_000
MAX_METADATA = 64
"""Maximum number of metadata entries."""
MAX_METADATA_BYTES = 16 * 1024
MAX_LIMIT = 2**53 - 1
"""Largest integer that the store's scripts count exactly: they use doubles."""
MAX_KEY_LENGTH = 255
"""Maximum length of an idempotency key or a unique key."""

PRINTABLE_PATTERN = r"^[!-~]([ -~]*[!-~])?$"
"""Pattern of an idempotency key; HTTP strips spaces around a header's value."""

# For the document only: the task builder validates these fields, with more precise error messages.
_DURATION: dict[str, object] = {"format": "go-duration"}
_MOMENT: dict[str, object] = {"format": "date-time"}


def _form(pattern: str) -> dict[str, object]:
    return {"pattern": f"^{pattern}$"}


_Duration = Annotated[
    str,
    Meta(
        description="A duration in Go's notation.",
        examples=["30s", "5m", "1h30m", "500ms"],
        extra_json_schema=_DURATION,
    ),
]
_Moment = Annotated[
    str,
    Meta(description="An RFC 3339 time with a zone.", examples=["2024-01-15T10:00:00Z"], extra_json_schema=_MOMENT),
]


class RetryPolicyFields(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Delays between attempts."""

    curve: Literal["exponential", "linear", "constant"] = "exponential"
    base: Annotated[str, Meta(description="Delay before the first retry, a duration.", extra_json_schema=_DURATION)] = (
        "1s"
    )
    factor: Annotated[float, Meta(ge=1, le=1_000, description="Exponential: ratio of each delay to the previous.")] = (
        2.0
    )
    max: Annotated[str, Meta(description="Maximum delay, a duration.", extra_json_schema=_DURATION)] = "15m"
    jitter: Annotated[float, Meta(ge=0, le=1, description="Random variation of each delay, as a share of it.")] = 0.2


class CreateTask(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A task to enqueue."""

    type: Annotated[
        str,
        Meta(
            description="Selects the handler.",
            examples=["demo"],
            extra_json_schema=_form(TASK_TYPE_PATTERN),
        ),
    ]
    payload: Annotated[
        Any,
        Meta(
            description="Argument of the handler; a JSON object.",
            extra_json_schema={"type": "object", "examples": [{"message": "Hello", "count": 5}]},
        ),
    ]
    queue: Annotated[str, Meta(description="The queue's name.", extra_json_schema=_form(QUEUE_NAME_PATTERN))] = (
        "default"
    )
    max_retries: (
        Annotated[int, Meta(ge=0, le=MAX_RETRIES, description="Maximum number of retries after the first attempt.")]
        | msgspec.UnsetType
    ) = msgspec.UNSET
    timeout: _Duration | msgspec.UnsetType = msgspec.UNSET
    process_at: _Moment | msgspec.UnsetType = msgspec.UNSET
    unique: (
        Annotated[
            str,
            Meta(
                description="Deduplication window: no equal task is accepted in it.",
                examples=["1h"],
                extra_json_schema=_DURATION,
            ),
        ]
        | msgspec.UnsetType
    ) = msgspec.UNSET
    metadata: (
        Annotated[dict[str, str], Meta(max_length=MAX_METADATA, description="Custom metadata.")] | msgspec.UnsetType
    ) = msgspec.UNSET
    task_id: (
        Annotated[
            str,
            Meta(
                description="The task's id, chosen by the caller; an id is accepted once. Default: a new UUIDv7.",
                extra_json_schema=_form(TASK_ID_PATTERN),
            ),
        ]
        | msgspec.UnsetType
    ) = msgspec.UNSET
    priority: Annotated[int, Meta(ge=0, le=9, description="Order of a queue's pending tasks; 9 runs first.")] = 5
    deadline: _Moment | msgspec.UnsetType = msgspec.UNSET
    retry_policy: RetryPolicyFields | msgspec.UnsetType = msgspec.UNSET
    unique_key: (
        Annotated[
            str,
            Meta(
                min_length=1,
                max_length=MAX_KEY_LENGTH,
                description="With `unique`: tasks with the same key are equal, whatever their payloads.",
            ),
        ]
        | msgspec.UnsetType
    ) = msgspec.UNSET
    archive_retention: (
        Annotated[
            str,
            Meta(
                description="How long the task is kept once it is archived. Default: the queue's, else "
                "`TASKYARD_API_ARCHIVE_RETENTION`.",
                examples=["72h"],
                extra_json_schema=_DURATION,
            ),
        ]
        | msgspec.UnsetType
    ) = msgspec.UNSET
    retention: (
        Annotated[
            str,
            Meta(
                description="How long the completed task is kept; `0s` deletes it at once.", extra_json_schema=_DURATION
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
                description="Same as the header `Idempotency-Key` of a request for a single task.",
                extra_json_schema={"pattern": PRINTABLE_PATTERN, "minLength": 1, "maxLength": MAX_KEY_LENGTH},
            ),
        ]
        | msgspec.UnsetType
    ) = msgspec.UNSET


class SetLimits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Limits and durability of a queue. For one that is null or missing the default from the API's settings applies."""

    max_depth: (
        Annotated[
            int,
            Meta(
                ge=0,
                le=MAX_LIMIT,
                description="Maximum of waiting tasks (pending, scheduled, retry); 0: none.",
            ),
        ]
        | None
    ) = None
    max_bytes: (
        Annotated[
            int,
            Meta(ge=0, le=MAX_LIMIT, description="Maximum size of all stored tasks and idempotency keys in bytes."),
        ]
        | None
    ) = None
    durability: (
        Annotated[
            str,
            Meta(
                description="Copies of a task before its enqueue is answered: `memory`, `fsync` or `replicas:N`.",
                extra_json_schema={"pattern": f"^{DURABILITY_PATTERN}$"},
            ),
        ]
        | None
    ) = None


class SetQueueSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of a queue. One that is null or missing falls back to its default."""

    archive_retention: (
        Annotated[
            str,
            Meta(
                description="How long archived tasks are kept that have no `archive_retention` of their own.",
                examples=["72h"],
                extra_json_schema=_DURATION,
            ),
        ]
        | None
    ) = None
    priority_ageing: (
        Annotated[
            str,
            Meta(
                description="Waiting time after which a pending task counts as one of priority 1; after n times as "
                "long as one of priority n. `0s`: never.",
                examples=["10m"],
                extra_json_schema=_DURATION,
            ),
        ]
        | None
    ) = None


class CreateBatch(msgspec.Struct, forbid_unknown_fields=True):
    """Tasks to enqueue, each on its own."""

    tasks: Annotated[list[msgspec.Raw], Meta(min_length=1, max_length=MAX_BATCH)]
