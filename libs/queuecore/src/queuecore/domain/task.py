"""A task as its caller asked for it, and what became of each attempt to run it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import NewType

import msgspec

from queuecore.domain.retry import RetryPolicy
from queuecore.domain.state import TaskState

PRIORITY_RANGE = (0, 9)
DEFAULT_QUEUE = "default"
DEFAULT_PRIORITY = 5
DEFAULT_MAX_RETRIES = 25
DEFAULT_TIMEOUT_MS = 30 * 60_000
DEFAULT_RETENTION_MS = 60 * 60_000
ARCHIVE_RETENTION_MS = 7 * 24 * 60 * 60_000
HISTORY_LENGTH = 20

AttemptNumber = NewType("AttemptNumber", int)
"""The number of an attempt, 1 for the first."""
FencingToken = NewType("FencingToken", int)
"""The token of a lease. It increases with each lease of a task, and calls with an older one are stale."""


class UniqueLock(msgspec.Struct, frozen=True):
    """The promise that no equal task is enqueued while this one waits or runs."""

    digest: str
    """Names the lock within the queue; see :func:`queuecore.domain.identity.unique_digest`."""
    window_ms: int
    """How long the lock holds at most, counted from the enqueue."""


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """What the caller asked for. Written once at enqueue, never changed."""

    id: str
    """UUIDv7, or the caller's ``task_id``."""
    queue: str
    type: str
    """Chooses the handler."""
    payload: bytes
    """One JSON object, UTF-8."""
    enqueued_at_ms: int
    """When the api accepted it, by the api's clock; only for people to read."""
    process_at_ms: int | None = None
    """The first attempt is not made earlier. ``None``: at once."""
    priority: int = DEFAULT_PRIORITY
    """0 to 9; of the pending tasks of a queue, the highest runs first."""
    max_retries: int = DEFAULT_MAX_RETRIES
    """How many further attempts may follow a failed first one."""
    timeout_ms: int = DEFAULT_TIMEOUT_MS
    """How long one attempt may take."""
    deadline_at_ms: int | None = None
    """No attempt goes on after this moment."""
    retry_policy: RetryPolicy = RetryPolicy()
    """How long to wait before each retry."""
    unique: UniqueLock | None = None
    metadata: Mapping[str, str] = msgspec.field(default_factory=dict)
    """The caller's own notes; handed to the handler as they are."""
    retention_ms: int = DEFAULT_RETENTION_MS
    """How long the completed task and its result are kept; 0 forgets it at once."""
    traceparent: str | None = None
    """W3C trace context of the enqueue."""
    tracestate: str | None = None
    """What tracing systems of the caller add to it; only beside ``traceparent``."""

    @property
    def lock_digest(self) -> str:
        """The unique lock's name, or the empty string when there is none."""
        return self.unique.digest if self.unique else ""

    def allows_retry_after(self, attempt: int) -> bool:
        """Whether one more attempt may follow the one with this number, 1 being the first."""
        return attempt <= self.max_retries


class Outcome(StrEnum):
    """How an attempt ended."""

    COMPLETED = "completed"
    RETRY = "retry"
    """It failed and is to be tried again."""
    ARCHIVED = "archived"
    """It failed and will not be tried again."""
    LOST = "lost"
    """Its lease lapsed: the worker died or was cut off."""


class ArchiveReason(StrEnum):
    """Why a task was given up."""

    RETRIES_EXHAUSTED = "retries_exhausted"
    DO_NOT_RETRY = "do_not_retry"
    DEADLINE_EXCEEDED = "deadline_exceeded"
    CANCELLED = "cancelled"
    POISON = "poison"
    """Its worker died too many times in a row while running it."""
    UNREADABLE = "unreadable"
    """Its envelope is damaged."""


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a task by one worker."""

    number: int
    worker: str
    pod: str
    started_at_ms: int
    ended_at_ms: int | None = None
    outcome: Outcome | None = None
    """``None`` while it runs."""
    error: str = ""


class TaskSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """A task and its run record at one moment."""

    task: Task
    state: TaskState
    state_at_ms: int
    """The state's own time: entry (pending), lease expiry (active), due time (scheduled, retry), expiry (the rest)."""
    attempt: int = 0
    """Attempts begun so far, but for those that were given back."""
    excused: int = 0
    """How many of them do not count, since another task was to blame for the loss of the worker."""
    retried: int = 0
    """Retries decided so far."""
    last_error: str = ""
    reason: ArchiveReason | None = None
    cancel_requested: bool = False
    ended_at_ms: int | None = None
    progress: bytes | None = None
    """What the handler last reported, JSON."""
    result: bytes | None = None
    """What the handler returned, JSON."""
    attempts: tuple[Attempt, ...] = ()
    """The last :data:`HISTORY_LENGTH`, oldest first."""
