"""Maintenance of queues by schedulers: promote due tasks, reclaim expired leases, expire ended tasks."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import msgspec

from queuecore.domain.task import (
    ArchiveReason,
    Attempt,
    AttemptNumber,
    FencingToken,
    Outcome,
    Task,
    default_archive_retention,
)
from queuecore.errors import EnvelopeError, StoreError
from queuecore.store.attempts.settlement import NO_RETRY
from queuecore.store.client.batch import settle_items
from queuecore.store.client.server import Server
from queuecore.store.result import Result, map_result, partition
from queuecore.store.scripts import calls
from queuecore.store.scripts.calls import ReclaimItem
from queuecore.store.scripts.replies import Reply, rows
from queuecore.wire import attempt as attempt_wire
from queuecore.wire import envelope

LIMIT = 500
"""Tasks per queue and call."""
FOUND_BYTES = 1024 * 1024
"""Envelopes per call that finds expired leases, of all its queues together, unless a single one is larger."""


class Promotion(msgspec.Struct, frozen=True):
    """The result of one promotion of one queue."""

    now_us: int
    """The server's clock, Unix time."""
    next_due_at_ms: int | None
    """When the next task is due; in the past when more tasks are due already."""
    late_ms: list[int]
    """The delay of each promoted task after its due time."""
    orphans: int


class ExpiredLease(msgspec.Struct, frozen=True):
    """A task whose lease has expired."""

    queue: str
    task_id: str
    task: Task | None
    """``None`` when the envelope is damaged."""
    token: FencingToken
    attempt: Attempt
    """The lost attempt."""
    losses: int
    """Attempts lost in a row before this one, without excused ones."""
    cancel_requested: bool
    excused: int = 0
    """Earlier attempts not charged to the task."""
    confirmed: bool = True
    """False when the worker has neither renewed the lease nor reported progress: it may not know of the lease."""
    expired_at_ms: int = 0
    """When the lease expired, on the server's clock."""

    @property
    def counted_attempt(self) -> int:
        """The number of the attempt without excused ones, 1 for the first."""
        return self.attempt.number - self.excused


class ExpiredLeases(msgspec.Struct, frozen=True):
    """The expired leases of one queue."""

    now_ms: int
    """The server's clock, Unix time."""
    next_expiry_at_ms: int | None
    """When the next lease expires unless it is renewed."""
    leases: list[ExpiredLease]
    orphans: int
    newer: int
    """Tasks of a newer envelope version, which are left for a newer scheduler."""


class LeasedTask(NamedTuple):
    """A task that a worker has leased."""

    worker: str
    queue: str
    task_id: str
    losses: int
    """Attempts lost in a row before this one, without excused ones."""


class Reclaim(msgspec.Struct, frozen=True):
    """The decision about a task whose lease has expired."""

    lease: ExpiredLease
    now_ms: int
    """The server's clock when the lease was found expired, Unix time."""
    error: str
    retry_in_ms: int | None
    """``None``: the task is archived."""
    reason: ArchiveReason | None = None
    """Why it is archived."""
    excused: bool = False
    """True when the attempt is not charged to the task: its worker never confirmed it, or another task caused its
    loss."""
    suspected: bool = True
    """True when the loss counts towards poison."""


class Reordering(NamedTuple):
    """The result of one correction of the order of one queue."""

    corrected: int
    """Tasks whose entry was in the future."""
    aged: int
    """Tasks that have moved to a higher priority."""
    more: bool
    """True when more are to be moved."""


class Maintenance:
    """The operations of schedulers. Any number of schedulers may use them at once: each script is atomic."""

    def __init__(self, server: Server) -> None:
        self._server = server

    async def promote(self, queues: Sequence[str]) -> list[Result[Promotion]]:
        """Make the due tasks of each queue pending, up to :data:`LIMIT` scheduled ones and as many retries."""
        results = await self._server.run_all([calls.promote(queue, limit=LIMIT) for queue in queues])
        return [map_result(result, _read_promotion) for result in results]

    async def find_expired_leases(self, queues: Sequence[str]) -> list[Result[ExpiredLeases]]:
        """Find expired leases, up to :data:`LIMIT` of each queue."""
        results = await self._server.run_all(
            [
                calls.find_expired_leases(
                    queue, limit=LIMIT, max_bytes=FOUND_BYTES // len(queues), newest=envelope.VERSION
                )
                for queue in queues
            ]
        )
        return [
            map_result(result, partial(_read_expired, queue)) for queue, result in zip(queues, results, strict=True)
        ]

    async def find_leases_of(self, queues: Sequence[str], workers: Sequence[str]) -> list[LeasedTask | StoreError]:
        """Find leases of these workers among the :data:`LIMIT` leases of each queue that expire next.

        Returns:
            The leases, then the errors of queues that could not be read.
        """
        results = await self._server.run_all(
            [calls.find_leases_of_workers(queue, workers, limit=LIMIT) for queue in queues]
        )
        found, errors = partition(queues, results)
        held = [
            LeasedTask(worker.decode(), queue, task_id.decode(), losses)
            for queue, reply in found
            for worker, task_id, losses in rows(reply, 3)
        ]
        return [*held, *(error for _, error in errors)]

    async def reclaim(self, reclaims: Sequence[Reclaim]) -> list[Result[Reply]]:
        """End the attempts of expired leases.

        Returns:
            Per task ``DONE``, ``CANCELLED`` (archived because of a cancellation) or ``STALE`` (the lease was renewed or
            settled meanwhile, or another scheduler has reclaimed it).
        """
        return await settle_items(self._server, [_reclaim_item(each) for each in reclaims], calls.reclaim)

    async def order_pending(self, queues: Sequence[str], ageing_ms: int) -> list[Result[Reordering]]:
        """Correct entries in the future, and age the priorities of tasks that have waited long.

        Args:
            queues: the queues.
            ageing_ms: the priority ageing of queues without a setting of their own; 0: none.
        """
        results = await self._server.run_all(
            [calls.order_pending(queue, default_ageing_ms=ageing_ms, limit=LIMIT) for queue in queues]
        )
        return [map_result(result, _read_reordering) for result in results]

    async def expire(self, queues: Sequence[str]) -> list[Result[tuple[int, bool]]]:
        """Delete ended tasks whose retention has ended.

        Returns:
            Per queue the number of deleted tasks, and whether more have expired.
        """
        results = await self._server.run_all([calls.expire_tasks(queue, limit=LIMIT) for queue in queues])
        return [map_result(result, _read_expiry) for result in results]


def _read_promotion(reply: Any) -> Promotion:
    now_us, next_due, orphans, late_ms = reply
    return Promotion(now_us, None if next_due < 0 else next_due, late_ms, orphans)


def _read_reordering(reply: Any) -> Reordering:
    corrected, aged, more = reply
    return Reordering(corrected, aged, bool(more))


def _read_expiry(reply: Any) -> tuple[int, bool]:
    deleted, more = reply
    return deleted, bool(more)


def _read_expired(queue: str, reply: Any) -> ExpiredLeases:
    now_ms, next_expiry, orphans, newer, flat = reply
    leases = []
    for raw_id, data, token, number, excused, opened, losses, cancel, confirmed, expired_at in rows(flat, 10):
        task_id = raw_id.decode()
        try:
            task = envelope.decode(task_id, queue, data)
        except EnvelopeError:
            task = None
        attempt = _opened(number, opened, now_ms)
        leases.append(
            ExpiredLease(
                queue, task_id, task, token, attempt, losses, bool(cancel), excused, bool(confirmed), expired_at
            )
        )
    return ExpiredLeases(now_ms, None if next_expiry < 0 else next_expiry, leases, orphans, newer)


def _opened(number: int, data: bytes, now_ms: int) -> Attempt:
    try:
        return attempt_wire.decode(number, data)
    except msgspec.MsgspecError:
        return Attempt(number=number, worker="", pod="", started_at_ms=now_ms)


def _reclaim_item(reclaim: Reclaim) -> ReclaimItem:
    lease, attempt = reclaim.lease, reclaim.lease.attempt
    return ReclaimItem(
        queue=lease.queue,
        task_id=lease.task_id,
        token=lease.token,
        attempt=AttemptNumber(attempt.number),
        closed=attempt_wire.encode_closed(
            attempt.worker, attempt.pod, attempt.started_at_ms, reclaim.now_ms, Outcome.LOST, reclaim.error
        ),
        error=reclaim.error,
        delay_ms=NO_RETRY if reclaim.retry_in_ms is None else reclaim.retry_in_ms,
        excused=reclaim.excused,
        suspected=reclaim.suspected,
        reason=reclaim.reason or "",
        retention_ms=lease.task.archive_retention_argument if lease.task else default_archive_retention(),
        lock=lease.task.lock_digest if lease.task else "",
        label=lease.task.type if lease.task else "unreadable",
    )
