"""Tasks and queues as the API shows them. Fields that a newer API adds are ignored."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from queuecore.domain.state import TaskState


class AttemptInfo(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a task by one worker."""

    number: int
    worker: str = ""
    pod: str = ""
    started_at: datetime
    ended_at: datetime | None = None
    outcome: str | None = None
    """``completed``, ``retry``, ``archived`` or ``lost``; ``None`` while it runs."""
    error: str = ""


class TaskInfo(
    msgspec.Struct, frozen=True, kw_only=True, rename={"last_error": "last_err", "max_retries": "max_retry"}
):
    """A task, its state and its attempts at one moment."""

    id: str
    queue: str
    type: str
    state: str
    """``pending``, ``active``, ``scheduled``, ``retry``, ``archived`` or ``completed``."""
    max_retries: int
    retried: int
    """Retries scheduled so far."""
    last_error: str = ""
    next_process_at: datetime | None = None
    """When it is due, became pending, or started its last attempt."""
    payload: Any = None
    priority: int | None = None
    timeout: str | None = None
    deadline: datetime | None = None
    process_at: datetime | None = None
    unique: str | None = None
    metadata: dict[str, str] = {}
    retention: str | None = None
    traceparent: str | None = None
    attempt: int = 0
    """Attempts started so far."""
    attempts: tuple[AttemptInfo, ...] = ()
    """The last ones, oldest first; empty in a list of tasks."""
    progress: Any = None
    """The last progress report of the handler."""
    result: Any = None
    """The return value of the handler."""
    reason: str | None = None
    """Why it was archived, such as ``retries_exhausted`` or ``cancelled``."""
    cancel_requested: bool = False
    created_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def has_ended(self) -> bool:
        """True when it runs again only on request."""
        return self.state in (TaskState.COMPLETED, TaskState.ARCHIVED)


class QueueStats(msgspec.Struct, frozen=True, kw_only=True):
    """Number of tasks of a queue per state."""

    queue: str
    pending: int = 0
    active: int = 0
    scheduled: int = 0
    retry: int = 0
    archived: int = 0
    completed: int = 0
