"""Enqueuing tasks into the store."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from queuecore.domain.durability import Durability, InvalidDurability
from queuecore.domain.state import TaskState
from queuecore.domain.task import Task
from queuecore.errors import NotDurable, StoreError
from queuecore.store.client.batch import ScriptRunner, run_items
from queuecore.store.client.replication import NoteWait, ReplicatedCalls, Unacknowledged, note_no_wait
from queuecore.store.client.server import Server
from queuecore.store.queues.durability import FsyncCheck, QueueDurability
from queuecore.store.queues.limits import QueueLimits, write_limit
from queuecore.store.queues.registry import QueueRegistry
from queuecore.store.scripts import calls
from queuecore.store.scripts.call import Call
from queuecore.store.scripts.calls import EnqueueItem
from queuecore.store.scripts.replies import Reply
from queuecore.wire import envelope

IDEMPOTENCY_TTL_MS = 24 * 60 * 60_000
"""Default lifetime of the answer that a repeated ``Idempotency-Key`` gets."""

NO_LIMITS = QueueLimits()
MAX_DURABILITY_CHANGES = 2
"""Further attempts to enqueue a task whose queue has another durability than this process knew."""

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


class OtherDurability(msgspec.Struct, frozen=True):
    """The task was not enqueued because its queue has another durability than this process knew; now it knows."""

    queue: str


EnqueueResult = Enqueued | Duplicate | QueueFull | StoreError
"""The outcome of one enqueue."""
AttemptResult = EnqueueResult | OtherDurability
"""The outcome of one attempt to enqueue."""


_NOT_STORED = "the task was not stored: {}"
_NOT_CONFIRMED = "the task may or may not survive a failover: {}"
_CONFIRMED = (Enqueued, Duplicate)
"""Results that confirm that a task exists, so they need the durability of its queue."""


class Enqueuer:
    """Enqueues tasks, many per call, and waits for the durability of their queues.

    Args:
        server: the store.
        limits: for queues without limits or durability of their own.
        idempotency_ttl_ms: lifetime of stored answers.
        note_wait: takes the duration of each call that waited for replicas.
    """

    def __init__(
        self,
        server: Server,
        limits: QueueLimits = NO_LIMITS,
        idempotency_ttl_ms: int = IDEMPOTENCY_TTL_MS,
        note_wait: NoteWait = note_no_wait,
    ) -> None:
        self._server = server
        self._limits = limits
        self._idempotency_ttl_ms = idempotency_ttl_ms
        self._note_wait = note_wait
        self._durability = QueueDurability(limits.durability)
        self._fsync = FsyncCheck(server)
        self.registry = QueueRegistry(server)
        """Registers the queues of the tasks; its ``run`` restores registrations that the store has lost."""

    def durability(self, queue: str) -> Durability:
        """The durability of a queue, as far as this process has seen it."""
        return self._durability.of(queue)

    async def enqueue(self, requests: Sequence[Enqueue]) -> list[EnqueueResult]:
        """Enqueue tasks independently: a refused one does not affect the others.

        The same requests may be repeated after a lost reply.

        Returns:
            One result per request, in order. :class:`~queuecore.errors.NotDurable`: the same request may be repeated.
        """
        results = await self.attempt(requests)
        for _ in range(MAX_DURABILITY_CHANGES):
            again = [place for place, result in enumerate(results) if isinstance(result, OtherDurability)]
            if not again:
                break
            attempted = await self.attempt([requests[place] for place in again])
            for place, result in zip(again, attempted, strict=True):
                results[place] = result
        return [settle_attempt(result) for result in results]

    async def attempt(self, requests: Sequence[Enqueue]) -> list[AttemptResult]:
        """Enqueue as :meth:`enqueue` does, except tasks whose queue turns out to have another durability."""
        levels = {self._durability.of(queue) for queue in {request.task.queue for request in requests}}
        if len(levels) == 1:
            return await self._attempt_group(levels.pop(), requests)
        groups: dict[Durability, list[int]] = {}
        for place, request in enumerate(requests):
            groups.setdefault(self._durability.of(request.task.queue), []).append(place)
        attempted = await asyncio.gather(
            *(
                self._attempt_group(durability, [requests[place] for place in places])
                for durability, places in groups.items()
            )
        )
        results: list[Any] = [None] * len(requests)
        for places, outcomes in zip(groups.values(), attempted, strict=True):
            for place, outcome in zip(places, outcomes, strict=True):
                results[place] = outcome
        return results

    async def _attempt_group(self, durability: Durability, requests: Sequence[Enqueue]) -> list[AttemptResult]:
        """Enqueue tasks of queues with the same durability."""
        if durability.level == "fsync" and (problem := await self._fsync.find_problem()):
            return [NotDurable(_NOT_STORED.format(problem))] * len(requests)
        try:
            await self.registry.use({request.task.queue for request in requests})
        except StoreError as error:
            return [error] * len(requests)
        runner: ScriptRunner = self._server
        if durability.replicas:
            runner = ReplicatedCalls(self._server, durability.replicas, self._note_wait)
        items = [_item(request, self._idempotency_ttl_ms) for request in requests]
        return await run_items(runner, items, self._call, self._read, _size)

    def _call(self, queue: str, items: Sequence[EnqueueItem]) -> Call:
        return calls.enqueue(
            queue,
            items,
            default_max_depth=write_limit(self._limits.max_depth),
            default_max_bytes=write_limit(self._limits.max_bytes),
            durability=self._durability.stored(queue),
        )

    def _read(self, item: EnqueueItem, reply: Any) -> AttemptResult:
        if isinstance(reply, Unacknowledged):
            result = self._read(item, reply.reply)
            return NotDurable(_NOT_CONFIRMED.format(reply.reason)) if isinstance(result, _CONFIRMED) else result
        code, text = reply
        if code == Reply.OTHER_DURABILITY:
            return self._learn(item.queue, text.decode(errors="replace"))
        return _read(item, code, text)

    def _learn(self, queue: str, stored: str) -> AttemptResult:
        try:
            self._durability.learn(queue, stored)
        except InvalidDurability:
            return NotDurable(
                _NOT_STORED.format(f"this release does not know the durability {stored} of queue {queue}")
            )
        return OtherDurability(queue)


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


def settle_attempt(result: AttemptResult) -> EnqueueResult:
    """The outcome of an enqueue after its last attempt."""
    if isinstance(result, OtherDurability):
        return NotDurable(_NOT_STORED.format(f"the durability of queue {result.queue} changes too often"))
    return result


def _read(item: EnqueueItem, code: int, text: bytes) -> Enqueued | Duplicate | QueueFull:
    if code in (Reply.DONE, Reply.REPLAYED):
        task_id, _, state = text.partition(b" ")
        return Enqueued(task_id.decode(), _STATES.get(state, TaskState.PENDING), replayed=code == Reply.REPLAYED)
    if code in _LIMITS:
        held, maximum, needed = map(int, text.split(b" "))
        return QueueFull(item.queue, _LIMITS[code], maximum, held, needed)
    return Duplicate(text.decode(errors="replace"), by_lock=code == Reply.LOCKED)
