"""Enqueuing tasks into the store."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Literal

import msgspec

from queuecore.domain.state import TaskState
from queuecore.domain.task import Task
from queuecore.errors import StoreError
from queuecore.store.client.batch import run_items
from queuecore.store.client.server import Server
from queuecore.store.queues.limits import QueueLimits, write_limit
from queuecore.store.queues.registry import QueueRegistry
from queuecore.store.scripts import calls
from queuecore.store.scripts.calls import EnqueueItem
from queuecore.store.scripts.replies import Reply
from queuecore.wire import envelope

IDEMPOTENCY_TTL_MS = 24 * 60 * 60_000
"""Default lifetime of the answer that a repeated ``Idempotency-Key`` gets."""

NO_LIMITS = QueueLimits()

_STATES = {state.value.encode(): state for state in TaskState}
_LIMITS: dict[int, Literal["max_depth", "max_bytes"]] = {Reply.TOO_DEEP: "max_depth", Reply.TOO_LARGE: "max_bytes"}


class Enqueue(msgspec.Struct, frozen=True):
    """A task to enqueue."""

    task: Task
    idempotency_digest: str = ""
    """The digest of the caller's idempotency key; empty when there is none."""
    label: str | None = None
    """The task type in metrics; ``None``: the task's type. Unregistered types share one label, which bounds series."""


class Enqueued(msgspec.Struct, frozen=True):
    """The task is in the store."""

    task_id: str
    state: TaskState
    replayed: bool = False
    """True when an earlier call had enqueued it."""


class Duplicate(msgspec.Struct, frozen=True):
    """The task was refused because another task has its id or its unique lock."""

    task_id: str
    """The other task."""
    by_lock: bool
    """True when the other task holds the unique lock; otherwise it has the same id."""


class QueueFull(msgspec.Struct, frozen=True):
    """The task was refused because its queue is at one of its limits."""

    queue: str
    limit: Literal["max_depth", "max_bytes"]
    maximum: int
    """The value of the limit."""
    held: int
    """The part of the limit that the tasks of the queue use."""
    needed: int
    """The part of the limit that the refused task needs."""


EnqueueResult = Enqueued | Duplicate | QueueFull | StoreError
"""The outcome of one enqueue."""


class Enqueuer:
    """Enqueues tasks, many per call.

    Args:
        server: the store.
        limits: for queues without limits of their own.
        idempotency_ttl_ms: lifetime of stored answers.
    """

    def __init__(
        self, server: Server, limits: QueueLimits = NO_LIMITS, idempotency_ttl_ms: int = IDEMPOTENCY_TTL_MS
    ) -> None:
        self._server = server
        self._call = partial(
            calls.enqueue,
            default_max_depth=write_limit(limits.max_depth),
            default_max_bytes=write_limit(limits.max_bytes),
        )
        self._idempotency_ttl_ms = idempotency_ttl_ms
        self.registry = QueueRegistry(server)
        """Registers the queues of the tasks; its ``run`` restores registrations that the store has lost."""

    async def enqueue(self, requests: Sequence[Enqueue]) -> list[EnqueueResult]:
        """Enqueue tasks independently: a refused one does not affect the others.

        The same requests may be repeated after a lost reply.

        Returns:
            One result per request, in order.
        """
        try:
            await self.registry.use({request.task.queue for request in requests})
        except StoreError as error:
            return [error] * len(requests)
        items = [_item(request, self._idempotency_ttl_ms) for request in requests]
        return await run_items(self._server, items, self._call, _read, _size)


def _item(request: Enqueue, idempotency_ttl_ms: int) -> EnqueueItem:
    task = request.task
    return EnqueueItem(
        queue=task.queue,
        task_id=task.id,
        envelope=envelope.encode(task),
        priority=task.priority,
        due_at_ms=task.process_at_ms or 0,
        lock=task.lock_digest,
        window_ms=task.unique.window_ms if task.unique else 0,
        answer=request.idempotency_digest,
        answer_ttl_ms=idempotency_ttl_ms,
        label=request.label or task.type,
    )


def _size(item: EnqueueItem) -> int:
    return len(item.envelope)


def _read(item: EnqueueItem, reply: Any) -> Enqueued | Duplicate | QueueFull:
    code, text = reply
    if code in (Reply.DONE, Reply.REPLAYED):
        task_id, _, state = text.partition(b" ")
        return Enqueued(task_id.decode(), _STATES.get(state, TaskState.PENDING), replayed=code == Reply.REPLAYED)
    if code in _LIMITS:
        held, maximum, needed = map(int, text.split(b" "))
        return QueueFull(item.queue, _LIMITS[code], maximum, held, needed)
    return Duplicate(text.decode(errors="replace"), by_lock=code == Reply.LOCKED)
