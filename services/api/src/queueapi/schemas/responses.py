"""Response bodies."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from queueapi.errors import ErrorBody
from queuecore.domain.durability import DURABILITY_PATTERN
from queuecore.domain.state import TaskState
from queuecore.domain.task import ArchiveReason, Outcome

_Moment = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
_AnyJson = Annotated[msgspec.Raw | None, Meta(description="JSON; null when there is none.")]


class TaskCreated(msgspec.Struct, frozen=True):
    """A task was enqueued."""

    task_id: str
    queue: str
    status: Literal["pending", "scheduled"]


class BatchResult(msgspec.Struct, frozen=True):
    """Result of one task of a batch: the fields of a created task, or those of an error."""

    status_code: Annotated[int, Meta(description="Status that a request for this task alone would have had.")]
    task_id: str | msgspec.UnsetType = msgspec.UNSET
    queue: str | msgspec.UnsetType = msgspec.UNSET
    status: Literal["pending", "scheduled"] | msgspec.UnsetType = msgspec.UNSET
    replayed: (
        Annotated[bool, Meta(description="Whether an earlier request with the same idempotency key created the task.")]
        | msgspec.UnsetType
    ) = msgspec.UNSET
    error: str | msgspec.UnsetType = msgspec.UNSET
    code: str | msgspec.UnsetType = msgspec.UNSET
    details: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET

    @classmethod
    def of_error(cls, status: int, body: ErrorBody) -> BatchResult:
        """A task that was refused."""
        return cls(status_code=status, error=body.error, code=body.code, details=body.details)


class BatchCreated(msgspec.Struct, frozen=True):
    """Results of a batch."""

    created: int
    failed: int
    results: Annotated[list[BatchResult], Meta(description="One per task of the request, in its order.")]


class AttemptView(msgspec.Struct, frozen=True):
    """One run of a task by one worker."""

    number: int
    worker: str
    pod: str
    started_at: _Moment
    ended_at: _Moment | None
    outcome: Outcome | None
    error: str


class RetryPolicyView(msgspec.Struct, frozen=True):
    """Delays between attempts."""

    curve: str
    base: str
    factor: float
    max: str
    jitter: float


class TaskView(msgspec.Struct, frozen=True):
    """A task, its state and its attempts."""

    id: str
    queue: str
    type: str
    state: TaskState
    max_retry: int
    retried: int
    last_err: str
    next_process_at: Annotated[
        _Moment,
        Meta(
            description="When the task is due (scheduled, retry), became pending, or started its last attempt "
            "(active and ended tasks; without an attempt: when it was due)."
        ),
    ]
    payload: Annotated[msgspec.Raw, Meta(extra_json_schema={"type": "object"})]
    priority: int
    timeout: str
    deadline: _Moment | None
    retry_policy: RetryPolicyView
    process_at: _Moment | None
    unique: Annotated[str | None, Meta(description="Deduplication window, a duration.")]
    metadata: dict[str, str]
    retention: str
    archive_retention: Annotated[
        str | None, Meta(description="The task's own retention once it is archived; null: the queue's or the default.")
    ]
    traceparent: str | None
    attempt: Annotated[int, Meta(description="Attempts started so far, without those that a worker released.")]
    excused: Annotated[int, Meta(description="Attempts not charged to the task: another task crashed the worker.")]
    attempts: Annotated[list[AttemptView], Meta(description="The last 20, oldest first.")]
    progress: _AnyJson
    result: _AnyJson
    reason: Annotated[ArchiveReason | None, Meta(description="Why the task was archived.")]
    cancel_requested: bool
    created_at: _Moment
    ended_at: _Moment | None


class Message(msgspec.Struct, frozen=True):
    """Confirmation of a change."""

    message: str


class QueueCounts(msgspec.Struct, frozen=True):
    """Number of tasks of a queue per state."""

    queue: str
    pending: int
    active: int
    scheduled: int
    retry: int
    archived: int
    completed: int


class LimitsView(msgspec.Struct, frozen=True):
    """A queue's limits, their usage, its durability, and whether the queue is paused."""

    queue: str
    max_depth: Annotated[int | None, Meta(description="Maximum number of waiting tasks; null: no limit.")]
    max_bytes: Annotated[
        int | None, Meta(description="Maximum size of all its tasks and idempotency keys in bytes; null: no limit.")
    ]
    waiting: Annotated[int, Meta(description="Number of waiting tasks: pending, scheduled or retry.")]
    bytes: Annotated[
        int,
        Meta(
            description="Size in bytes of all its tasks, including ended tasks that are kept, and of idempotency keys "
            "that have not expired."
        ),
    ]
    paused: Annotated[bool, Meta(description="Whether workers get no tasks from it.")]
    durability: Annotated[
        str,
        Meta(
            description="Copies of a task before its enqueue is answered.",
            extra_json_schema={"pattern": f"^{DURABILITY_PATTERN}$"},
        ),
    ]


class QueueSettingsView(msgspec.Struct, frozen=True):
    """A queue's own settings."""

    queue: str
    archive_retention: Annotated[str | None, Meta(description="Retention of its archived tasks; null: the default.")]
    priority_ageing: Annotated[str | None, Meta(description="Its priority ageing; null: the default.")]


class RegisteredType(msgspec.Struct, frozen=True):
    """A task type that workers handle."""

    type: str
    schema: Annotated[msgspec.Raw, Meta(description="JSON Schema of the payload; null without one.")]


class WorkerView(msgspec.Struct, frozen=True):
    """A live worker, from its latest heartbeat."""

    worker: str
    pod: str
    queues: list[str]
    types: list[str]
    slots: Annotated[int, Meta(description="Maximum number of concurrent tasks.")]
    busy: Annotated[int, Meta(description="Number of tasks running now.")]
    draining: Annotated[bool, Meta(description="Whether it is draining and leases no more tasks.")]
    started_at: _Moment


class Status(msgspec.Struct, frozen=True):
    """The API is healthy."""

    status: Literal["ok"] = "ok"


class NotReady(msgspec.Struct, frozen=True):
    """The API is not ready for requests."""

    message: str
    status: Literal["error"] = "error"
