"""The bodies of answers."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from queueapi.errors import ErrorBody
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
    """What became of one task of a batch: the fields of a created task, or those of an error."""

    status_code: Annotated[int, Meta(description="What a single request would have been answered with.")]
    task_id: str | msgspec.UnsetType = msgspec.UNSET
    queue: str | msgspec.UnsetType = msgspec.UNSET
    status: Literal["pending", "scheduled"] | msgspec.UnsetType = msgspec.UNSET
    replayed: (
        Annotated[bool, Meta(description="Whether an earlier request with the same idempotency key did it.")]
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
    """What became of a batch."""

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
    """How long is waited before each retry."""

    curve: str
    base: str
    factor: float
    max: str
    jitter: float


class TaskView(msgspec.Struct, frozen=True):
    """A task and what became of it so far."""

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
            description="When the task is due (scheduled, retry), became pending, or began its last attempt "
            "(active and ended tasks; without an attempt, when it was to begin)."
        ),
    ]
    payload: Annotated[msgspec.Raw, Meta(extra_json_schema={"type": "object"})]
    priority: int
    timeout: str
    deadline: _Moment | None
    retry_policy: RetryPolicyView
    process_at: _Moment | None
    unique: Annotated[str | None, Meta(description="The window, a duration.")]
    metadata: dict[str, str]
    retention: str
    traceparent: str | None
    attempt: Annotated[int, Meta(description="Attempts begun so far, but for those that were given back.")]
    excused: Annotated[int, Meta(description="How many of them do not count: another task took the worker down.")]
    attempts: Annotated[list[AttemptView], Meta(description="The last 20, oldest first.")]
    progress: _AnyJson
    result: _AnyJson
    reason: Annotated[ArchiveReason | None, Meta(description="Why the task was archived.")]
    cancel_requested: bool
    created_at: _Moment
    ended_at: _Moment | None


class Message(msgspec.Struct, frozen=True):
    """Something was done."""

    message: str


class QueueCounts(msgspec.Struct, frozen=True):
    """How many tasks of a queue are in each state."""

    queue: str
    pending: int
    active: int
    scheduled: int
    retry: int
    archived: int
    completed: int


class LimitsView(msgspec.Struct, frozen=True):
    """What holds for a queue: its limits, what it holds of them, and whether it is paused."""

    queue: str
    max_depth: Annotated[int | None, Meta(description="Tasks that may wait; null: any number.")]
    max_bytes: Annotated[int | None, Meta(description="Bytes that all its tasks may take; null: any number.")]
    waiting: Annotated[int, Meta(description="Tasks that are pending, scheduled or in retry.")]
    bytes: Annotated[int, Meta(description="Bytes that all its tasks take, ended ones that are kept included.")]
    paused: Annotated[bool, Meta(description="Whether no tasks of it are handed to workers.")]


class RegisteredType(msgspec.Struct, frozen=True):
    """A task type that workers handle."""

    type: str
    schema: Annotated[msgspec.Raw, Meta(description="The JSON Schema of its payload; null where it has none.")]


class WorkerView(msgspec.Struct, frozen=True):
    """A worker that is there, by its last heartbeat."""

    worker: str
    pod: str
    queues: list[str]
    types: list[str]
    slots: Annotated[int, Meta(description="Tasks that it runs at once.")]
    busy: Annotated[int, Meta(description="Tasks that it runs now.")]
    draining: Annotated[bool, Meta(description="Whether it is stopping and takes no more tasks.")]
    started_at: _Moment


class Status(msgspec.Struct, frozen=True):
    """All is well."""

    status: Literal["ok"] = "ok"


class NotReady(msgspec.Struct, frozen=True):
    """The api cannot do its work at the moment."""

    message: str
    status: Literal["error"] = "error"
