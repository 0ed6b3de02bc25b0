"""Tasks as their callers enqueue them, and the attempts to run them."""

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
    """A lock against enqueuing an equal task while this one waits or runs."""

    digest: str
    """The name of the lock within the queue; see :func:`queuecore.domain.identity.unique_digest`."""
    window_ms: int
    """The longest lifetime of the lock, from the enqueue."""


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """A task as enqueued. It is immutable."""

    id: str
    """UUIDv7, or the caller's ``task_id``."""
    queue: str
    type: str
    """Selects the handler."""
    payload: bytes
    """One JSON object, UTF-8."""
    enqueued_at_ms: int
    """When the api accepted it, on the api's clock; for people only."""
    process_at_ms: int | None = None
    """The first attempt starts no earlier. ``None``: at once."""
    priority: int = DEFAULT_PRIORITY
    """0 to 9; of the pending tasks of a queue, the highest runs first."""
    max_retries: int = DEFAULT_MAX_RETRIES
    """The number of attempts that may follow a failed first one."""
    timeout_ms: int = DEFAULT_TIMEOUT_MS
    """The time limit of one attempt."""
    deadline_at_ms: int | None = None
    """No attempt runs after this time."""
    retry_policy: RetryPolicy = RetryPolicy()
    """The delay before each retry."""
    unique: UniqueLock | None = None
    metadata: Mapping[str, str] = msgspec.field(default_factory=dict)
    """The caller's own data, passed to the handler unchanged."""
    retention_ms: int = DEFAULT_RETENTION_MS
    """Retention of the completed task and its result; 0: none."""
    traceparent: str | None = None
    """W3C trace context of the enqueue."""
    tracestate: str | None = None
    """W3C vendor data of the trace; only together with ``traceparent``."""
    archive_retention_ms: int | None = None
    """How long the task is kept once it is archived. ``None``: the setting of the queue, else the default."""
    default_archive_retention_ms: int = ARCHIVE_RETENTION_MS
    """The default of the api that accepted the task."""

    @property
    def archive_retention_argument(self) -> int:
        """The retention as scripts take it, see ``lua/include/archive.lua``."""
        if self.archive_retention_ms is not None:
            return self.archive_retention_ms
        return default_archive_retention(self.default_archive_retention_ms)

    @property
    def lock_digest(self) -> str:
        """The digest of the unique lock; empty without a lock."""
        return self.unique.digest if self.unique else ""

    def allows_retry_after(self, attempt: int) -> bool:
        """Check for a retry after the attempt with this number, 1 for the first."""
        return attempt <= self.max_retries


def default_archive_retention(retention_ms: int = ARCHIVE_RETENTION_MS) -> int:
    """A default retention of archived tasks as scripts take it: the setting of the queue replaces it."""
    return -1 - retention_ms


class Outcome(StrEnum):
    """The end of an attempt."""

    COMPLETED = "completed"
    RETRY = "retry"
    """It failed, and the task is retried."""
    ARCHIVED = "archived"
    """It failed, and the task is not retried."""
    LOST = "lost"
    """Its lease expired: the worker died or was unreachable."""


class ArchiveReason(StrEnum):
    """The reason for archiving a task."""

    RETRIES_EXHAUSTED = "retries_exhausted"
    DO_NOT_RETRY = "do_not_retry"
    DEADLINE_EXCEEDED = "deadline_exceeded"
    CANCELLED = "cancelled"
    POISON = "poison"
    """Its workers died too many times in a row while they ran it."""
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
    """The state's own time: entry (pending), lease expiry (active), due time (scheduled, retry), end of retention
    (archived, completed)."""
    attempt: int = 0
    """Attempts begun so far, without released ones."""
    excused: int = 0
    """Attempts not charged to the task, because another task caused the loss of the worker."""
    retried: int = 0
    """Retries scheduled so far."""
    last_error: str = ""
    reason: ArchiveReason | None = None
    cancel_requested: bool = False
    ended_at_ms: int | None = None
    progress: bytes | None = None
    """The last progress report of the handler, JSON."""
    result: bytes | None = None
    """The return value of the handler, JSON."""
    attempts: tuple[Attempt, ...] = ()
    """The last :data:`HISTORY_LENGTH`, oldest first."""
