"""The state machine of tasks (drawn in ``docs/state-machine.md``)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class TaskState(StrEnum):
    """The state of a task. Lua, JSON, metrics and CRD status use the same words."""

    PENDING = "pending"
    """Waiting for a free worker slot."""
    ACTIVE = "active"
    """Leased by a worker that runs it."""
    SCHEDULED = "scheduled"
    """Waiting for its ``process_at``."""
    RETRY = "retry"
    """Waiting for the next attempt after a failed one."""
    ARCHIVED = "archived"
    """Dead letter or cancelled; kept for inspection until its retention ends."""
    COMPLETED = "completed"
    """Succeeded; kept with its result until its retention ends."""

    @property
    def is_final(self) -> bool:
        """True when the task has ended: it runs again only on request."""
        return self in (TaskState.ARCHIVED, TaskState.COMPLETED)


class Event(StrEnum):
    """An event that moves a task to its next state."""

    ENQUEUE = "enqueue"
    SCHEDULE = "schedule"
    DUE = "due"
    LEASE = "lease"
    SUCCEED = "succeed"
    FAIL = "fail"
    GIVE_UP = "give up"
    RELEASE = "release"
    LAPSE = "lapse"
    CANCEL = "cancel"
    RUN_NOW = "run now"
    DELETE = "delete"
    EXPIRE = "expire"


_S = TaskState

TRANSITIONS: Mapping[tuple[TaskState | None, Event], TaskState | None] = MappingProxyType(
    {
        (None, Event.ENQUEUE): _S.PENDING,
        (None, Event.SCHEDULE): _S.SCHEDULED,
        (_S.SCHEDULED, Event.DUE): _S.PENDING,
        (_S.RETRY, Event.DUE): _S.PENDING,
        (_S.PENDING, Event.LEASE): _S.ACTIVE,
        (_S.ACTIVE, Event.SUCCEED): _S.COMPLETED,
        # A success after the lease expired counts as long as no worker has leased the task again.
        (_S.RETRY, Event.SUCCEED): _S.COMPLETED,
        (_S.PENDING, Event.SUCCEED): _S.COMPLETED,
        (_S.ARCHIVED, Event.SUCCEED): _S.COMPLETED,
        (_S.ACTIVE, Event.FAIL): _S.RETRY,
        (_S.ACTIVE, Event.GIVE_UP): _S.ARCHIVED,
        (_S.ACTIVE, Event.RELEASE): _S.PENDING,
        (_S.ACTIVE, Event.LAPSE): _S.RETRY,
        (_S.PENDING, Event.CANCEL): _S.ARCHIVED,
        (_S.SCHEDULED, Event.CANCEL): _S.ARCHIVED,
        (_S.RETRY, Event.CANCEL): _S.ARCHIVED,
        # The request is recorded; the worker stops the task.
        (_S.ACTIVE, Event.CANCEL): _S.ACTIVE,
        (_S.SCHEDULED, Event.RUN_NOW): _S.PENDING,
        (_S.RETRY, Event.RUN_NOW): _S.PENDING,
        (_S.ARCHIVED, Event.RUN_NOW): _S.PENDING,
        (_S.COMPLETED, Event.RUN_NOW): _S.PENDING,
        (_S.PENDING, Event.DELETE): None,
        (_S.SCHEDULED, Event.DELETE): None,
        (_S.RETRY, Event.DELETE): None,
        (_S.ARCHIVED, Event.DELETE): None,
        (_S.COMPLETED, Event.DELETE): None,
        (_S.ARCHIVED, Event.EXPIRE): None,
        (_S.COMPLETED, Event.EXPIRE): None,
    }
)
"""``{(state, event): next state}``; ``None`` is "no task". Every other pair is refused."""
