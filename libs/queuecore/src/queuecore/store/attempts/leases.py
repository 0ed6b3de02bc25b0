"""Leases of one worker: lease, renew, release, report progress."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import msgspec

from queuecore.domain.task import AttemptNumber, FencingToken, Task
from queuecore.errors import EnvelopeError, StoreUnavailable
from queuecore.store.client.batch import settle_items
from queuecore.store.client.server import Server
from queuecore.store.result import Result, map_result
from queuecore.store.scripts import calls
from queuecore.store.scripts.calls import ProgressItem, ReleaseItem, RenewItem
from queuecore.store.scripts.replies import Reply, rows
from queuecore.wire import envelope

LEASE_BYTES = 1024 * 1024
"""Envelopes per lease call, of all its queues together, unless a single one is larger: the reply arrives in time."""
_SKIP_FOR_S = 5.0
"""Time for which tasks of a newer version are skipped, without checking for other tasks that have passed them."""
_ENTRY_MASK, _ENTRY_UNIT_US = 2**49 - 1, 8
"""The time within an entry score, as in ``lua/include/entry.lua``."""
_VALID_FOR = 0.75
"""The part of the read timeout in which a lease call must run on the server. The rest is for the reply to arrive on a
busy machine: a lease whose reply arrives too late is an attempt that no worker runs."""


class WorkerIdentity(msgspec.Struct, frozen=True):
    """The worker that leases."""

    worker: str
    """Unique to the process."""
    pod: str
    """The pod, or the host outside a cluster."""


class Lease(msgspec.Struct, frozen=True):
    """The right to run one attempt of a task, until the lease expires."""

    task: Task
    token: FencingToken
    attempt: AttemptNumber
    started_at_ms: int
    """When it was leased, on the server's clock."""
    entered_at_ms: int
    """When the task had become pending, on the server's clock."""
    excused: int = 0
    """Earlier attempts not charged to the task, because another task caused their loss."""
    entry: int = 0
    """The entry score that the task had, see ``lua/include/entry.lua``; 0: unknown."""

    @property
    def counted_attempt(self) -> int:
        """The number of the attempt without excused ones, 1 for the first."""
        return self.attempt - self.excused

    @property
    def waited_ms(self) -> int:
        """The pending time of the task."""
        return max(0, self.started_at_ms - self.entered_at_ms)


class UnreadableLease(msgspec.Struct, frozen=True):
    """A leased task whose envelope is damaged: it can only be archived."""

    queue: str
    task_id: str
    token: FencingToken
    attempt: AttemptNumber
    started_at_ms: int
    error: str


class Leased(msgspec.Struct, frozen=True):
    """The leases that one call made on one queue."""

    leases: list[Lease]
    unreadable: list[UnreadableLease]
    orphans: int
    """Ids without an envelope that were dropped."""
    newer: int
    """Tasks of a newer envelope version, which stay pending for newer workers."""
    behind: int = 0
    """Pending tasks behind those that the call has examined."""

    @property
    def is_blocked(self) -> bool:
        """True when the call found only tasks of a newer version, and the next call examines those behind them."""
        return self.newer > 0 and self.behind > 0 and not self.leases and not self.unreadable


class _Skip(NamedTuple):
    """Tasks of a newer version at the front of a queue."""

    tasks: int
    until_ms: float
    """By the local monotonic clock."""


class Leases:
    """Leases tasks for one worker.

    Args:
        server: the store.
        identity: recorded in the attempt history of each leased task.
        lease_ms: how long a lease lasts without renewal.
    """

    def __init__(self, server: Server, identity: WorkerIdentity, lease_ms: int) -> None:
        self._server = server
        self._identity = identity
        self.lease_ms = lease_ms
        self._clock_offsets_ms: dict[str, float] = {}
        """Per queue the server's clock minus the local monotonic one, as of the last reply."""
        self._skips: dict[str, _Skip] = {}
        """Queues with so many tasks of a newer version at the front that one call cannot examine them all."""

    async def lease(self, wanted: Sequence[tuple[str, int]]) -> list[Result[Leased]]:
        """Lease up to ``limit`` (1 to 1,000) tasks of each queue, in one round trip.

        A queue of large tasks leases fewer, at least one: see :data:`LEASE_BYTES`.

        Args:
            wanted: pairs of queue and limit.

        Returns:
            One result per pair, in order.
        """
        results = await self._server.run_all(
            [
                calls.lease(
                    queue,
                    limit=limit,
                    max_bytes=LEASE_BYTES // len(wanted),
                    skip=self._skip(queue),
                    lease_ms=self.lease_ms,
                    worker=self._identity.worker,
                    pod=self._identity.pod,
                    newest=envelope.VERSION,
                    valid_until_ms=self._valid_until_ms(queue),
                )
                for queue, limit in wanted
            ]
        )
        return [
            map_result(result, partial(self._read, queue)) for (queue, _), result in zip(wanted, results, strict=True)
        ]

    async def renew(self, leases: Sequence[Lease]) -> list[Result[Reply]]:
        """Extend the leases by ``lease_ms`` from now.

        Returns:
            Per lease ``DONE``, ``CANCELLED`` (renewed; the task is to be cancelled) or ``STALE`` (it is lost).
        """
        items = [RenewItem(queue=lease.task.queue, task_id=lease.task.id, token=lease.token) for lease in leases]
        return await settle_items(self._server, items, partial(calls.renew, lease_ms=self.lease_ms))

    async def release(self, leases: Sequence[Lease]) -> list[Result[Reply]]:
        """Return unfinished tasks to their queues; the attempts are not charged to them.

        Returns:
            Per lease ``DONE``, ``CANCELLED`` (archived because of a cancellation), ``NOT_FOUND`` or ``STALE``.
        """
        items = [
            ReleaseItem(
                queue=lease.task.queue,
                task_id=lease.task.id,
                token=lease.token,
                entry=lease.entry,
                retention_ms=lease.task.archive_retention_argument,
                lock=lease.task.lock_digest,
            )
            for lease in leases
        ]
        return await settle_items(self._server, items, calls.release)

    async def pass_wakeup_on(self, queues: Sequence[str]) -> None:
        """Wake another worker where tasks are pending: this one stops, and may have consumed a wake-up."""
        await self._server.run_all([calls.release(queue, []) for queue in queues])

    async def report_progress(self, reports: Sequence[tuple[Lease, bytes]]) -> list[Result[Reply]]:
        """Record the progress of running handlers, JSON.

        Returns:
            Per report ``DONE`` or ``STALE``.
        """
        items = [
            ProgressItem(queue=lease.task.queue, task_id=lease.task.id, token=lease.token, progress=progress)
            for lease, progress in reports
        ]
        return await settle_items(self._server, items, calls.progress, _progress_size)

    def _valid_until_ms(self, queue: str) -> int:
        """When a call that starts now becomes invalid, on the server's clock; 0 while that clock is unknown."""
        offset_ms = self._clock_offsets_ms.get(queue)
        if offset_ms is None:
            return 0
        return math.ceil(_monotonic_ms() + offset_ms + self._server.timeout_ms * _VALID_FOR)

    def _skip(self, queue: str) -> int:
        """The number of tasks that the next call passes over."""
        if (skip := self._skips.get(queue)) is None:
            return 0
        if skip.until_ms < _monotonic_ms():
            del self._skips[queue]
            return 0
        return skip.tasks

    def _read(self, queue: str, reply: Any) -> Result[Leased]:
        now_ms, *rest = reply
        self._clock_offsets_ms[queue] = now_ms - _monotonic_ms()
        if not rest:
            return StoreUnavailable("the call to lease tasks reached the store too late")
        leased = _read(queue, now_ms, *rest)
        if leased.is_blocked:
            earlier = self._skips.get(queue) or _Skip(0, _monotonic_ms() + _SKIP_FOR_S * 1000)
            self._skips[queue] = earlier._replace(tasks=earlier.tasks + leased.newer)
        elif not leased.leases:
            self._skips.pop(queue, None)
        return leased


def _progress_size(item: ProgressItem) -> int:
    return len(item.progress)


def _entered_at_ms(entry: int) -> int:
    return (entry & _ENTRY_MASK) * _ENTRY_UNIT_US // 1000


def _monotonic_ms() -> float:
    return time.monotonic() * 1000


def _read(queue: str, now_ms: int, orphans: int, newer: int, behind: int, flat: list[Any]) -> Leased:
    leased = Leased([], [], orphans, newer, behind)
    for raw_id, data, token, attempt, excused, entry in rows(flat, 6):
        try:
            task_id = raw_id.decode()
        except UnicodeDecodeError:
            # Something else has written an envelope under a damaged id. The scheduler drops it when its lease expires.
            continue
        try:
            task = envelope.decode(task_id, queue, data)
        except EnvelopeError as error:
            leased.unreadable.append(UnreadableLease(queue, task_id, token, attempt, now_ms, str(error)))
        else:
            leased.leases.append(Lease(task, token, attempt, now_ms, _entered_at_ms(entry), excused, entry))
    return leased
