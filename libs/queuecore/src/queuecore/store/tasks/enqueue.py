"""Putting tasks into the store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from queuecore.domain.state import TaskState
from queuecore.domain.task import Task
from queuecore.errors import StoreError
from queuecore.store.client.batch import Item, run_items
from queuecore.store.client.server import Server
from queuecore.store.queues.limits import QueueLimits, write_limit
from queuecore.store.scripts.keys import QUEUES
from queuecore.store.scripts.loader import load_script
from queuecore.store.scripts.replies import Reply
from queuecore.wire import envelope

IDEMPOTENCY_TTL_MS = 24 * 60 * 60_000
"""How long the first answer to an ``Idempotency-Key`` is given again."""

NO_LIMITS = QueueLimits()

_STATES = {state.value.encode(): state for state in TaskState}
_LIMITS: dict[int, Literal["max_depth", "max_bytes"]] = {Reply.TOO_DEEP: "max_depth", Reply.TOO_LARGE: "max_bytes"}


class Enqueue(msgspec.Struct, frozen=True):
    """A task to enqueue."""

    task: Task
    idempotency_digest: str = ""
    """The digest of the caller's idempotency key; empty when there is none."""
    label: str | None = None
    """The type as metrics name it; ``None``: the task's type. Unregistered types share one: series stay bounded."""


class Enqueued(msgspec.Struct, frozen=True):
    """The task is in the store."""

    task_id: str
    state: TaskState
    replayed: bool = False
    """Whether an earlier call had put it there."""


class Duplicate(msgspec.Struct, frozen=True):
    """The task was refused because of another."""

    task_id: str
    """The task that is in the way."""
    by_lock: bool
    """Whether it holds the unique lock; otherwise it has the same id."""


class QueueFull(msgspec.Struct, frozen=True):
    """The task was refused because its queue is at one of its limits."""

    queue: str
    limit: Literal["max_depth", "max_bytes"]
    maximum: int
    """What the limit allows."""
    held: int
    """What the queue holds of it."""
    needed: int
    """What the task needs of it."""


EnqueueResult = Enqueued | Duplicate | QueueFull | StoreError
"""What became of one task."""


class Enqueuer:
    """Enqueues tasks, many per call.

    Args:
        server: the store.
        limits: for queues that have none of their own.
    """

    def __init__(self, server: Server, limits: QueueLimits = NO_LIMITS) -> None:
        self._server = server
        self._limits = (write_limit(limits.max_depth), write_limit(limits.max_bytes))
        self._script = load_script("enqueue")
        self._known_queues: set[str] = set()

    async def enqueue(self, requests: Sequence[Enqueue]) -> list[EnqueueResult]:
        """Enqueue tasks, each for itself: what is wrong with one harms no other.

        Safe to repeat with the same requests when the reply was lost.

        Returns:
            One answer per request, in order.
        """
        failed = await self._announce_queues({request.task.queue for request in requests})
        if failed:
            return [failed] * len(requests)
        items = [_item(request) for request in requests]
        answers = await run_items(self._server, self._script, items, self._limits)
        return [_read(item.queue, answer) for item, answer in zip(items, answers, strict=True)]

    async def _announce_queues(self, queues: set[str]) -> StoreError | None:
        """Make new queues known before they hold a task, so that the schedulers can never miss one."""
        if new := queues - self._known_queues:
            try:
                await self._server.command("SADD", QUEUES, *new)
            except StoreError as error:
                return error
            self._known_queues |= new
        return None


def _item(request: Enqueue) -> Item:
    task = request.task
    return Item(
        task.queue,
        (
            task.id,
            envelope.encode(task),
            task.priority,
            task.process_at_ms or 0,
            task.lock_digest,
            task.unique.window_ms if task.unique else 0,
            request.idempotency_digest,
            IDEMPOTENCY_TTL_MS,
            request.label or task.type,
        ),
    )


def _read(queue: str, answer: Any) -> EnqueueResult:
    if isinstance(answer, StoreError):
        return answer
    code, text = answer
    if code in (Reply.DONE, Reply.REPLAYED):
        task_id, _, state = text.partition(b" ")
        return Enqueued(task_id.decode(), _STATES[state], replayed=code == Reply.REPLAYED)
    if code in _LIMITS:
        held, maximum, needed = map(int, text.split(b" "))
        return QueueFull(queue, _LIMITS[code], maximum, held, needed)
    return Duplicate(text.decode(), by_lock=code == Reply.LOCKED)
