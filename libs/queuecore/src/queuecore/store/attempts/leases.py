"""Leasing tasks to a worker, and keeping or giving back what is leased."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any

import msgspec

from queuecore.domain.task import ARCHIVE_RETENTION_MS, HISTORY_LENGTH, Task
from queuecore.errors import EnvelopeError, StoreError, StoreUnavailable
from queuecore.store.client.batch import Item, Settled, settle_items
from queuecore.store.client.server import Call, Server
from queuecore.store.scripts.loader import load_script
from queuecore.store.scripts.replies import rows
from queuecore.wire import envelope

_HOLDS = 0.75
"""The part of the time for an answer in which a lease must be done. The rest is for the answer to arrive on a busy
machine: a lease whose answer comes too late is an attempt that nobody runs."""


class WorkerIdentity(msgspec.Struct, frozen=True):
    """Who leases."""

    worker: str
    """Unique to the process."""
    pod: str
    """The pod, or the host where there is none."""


class Lease(msgspec.Struct, frozen=True):
    """The right to run one attempt of a task, until it lapses."""

    task: Task
    token: int
    """Grows with each lease of the task; what is sent with an older one changes nothing."""
    attempt: int
    """Its number, 1 for the first."""
    started_at_ms: int
    """When it was leased, by the server's clock."""
    entered_at_ms: int
    """When the task had become pending, by the server's clock."""
    excused: int = 0
    """How many earlier attempts do not count, since another task was to blame for their loss."""

    @property
    def counted_attempt(self) -> int:
        """1 for the first attempt that counts."""
        return self.attempt - self.excused

    @property
    def waited_ms(self) -> int:
        """How long the task was pending."""
        return max(0, self.started_at_ms - self.entered_at_ms)


class UnreadableLease(msgspec.Struct, frozen=True):
    """A leased task whose envelope is damaged: it can only be archived."""

    queue: str
    task_id: str
    token: int
    attempt: int
    started_at_ms: int
    error: str


class Leased(msgspec.Struct, frozen=True):
    """What one lease call on one queue brought."""

    leases: list[Lease]
    unreadable: list[UnreadableLease]
    orphans: int
    """Ids without an envelope that were dropped."""
    newer: int
    """Tasks of a newer envelope version that were left for newer workers."""


class Leases:
    """Leases tasks for one worker.

    Args:
        server: the store.
        identity: stands in the attempt history of each leased task.
        lease_ms: how long a lease holds unless it is renewed.
    """

    def __init__(self, server: Server, identity: WorkerIdentity, lease_ms: int) -> None:
        self._server = server
        self._identity = identity
        self.lease_ms = lease_ms
        self._lease, self._renew, self._release = map(load_script, ("lease", "renew", "release"))
        self._progress = load_script("progress")
        self._ahead_ms: dict[str, float] = {}
        """Per queue how far its server's clock is ahead of our monotonic one, as of the last answer."""

    async def lease(self, wanted: Sequence[tuple[str, int]]) -> list[Leased | StoreError]:
        """Lease up to ``limit`` (1 to 1,000) tasks of each queue, in one round trip.

        Args:
            wanted: pairs of queue and limit.

        Returns:
            One answer per pair, in order.
        """
        who = self._identity
        calls = [
            Call(
                self._lease,
                queue,
                (
                    limit,
                    self.lease_ms,
                    who.worker,
                    who.pod,
                    envelope.VERSION,
                    HISTORY_LENGTH,
                    self._holds_until_ms(queue),
                ),
            )
            for queue, limit in wanted
        ]
        answers = await self._server.run_all(calls)
        return [
            answer if isinstance(answer, StoreError) else self._read(queue, answer)
            for (queue, _), answer in zip(wanted, answers, strict=True)
        ]

    async def renew(self, leases: Sequence[Lease]) -> list[Settled]:
        """Start the leases' time anew.

        Returns:
            Per lease ``DONE``, ``CANCELLED`` (renewed; the task is to be cancelled) or ``STALE`` (it is lost).
        """
        items = [Item(lease.task.queue, (lease.task.id, lease.token)) for lease in leases]
        return await settle_items(self._server, self._renew, items, fixed=(self.lease_ms,))

    async def release(self, leases: Sequence[Lease]) -> list[Settled]:
        """Give unfinished tasks back; the attempt does not count.

        Returns:
            Per lease ``DONE``, ``CANCELLED`` (it is archived: its cancel was asked for), ``NOT_FOUND`` or ``STALE``.
        """
        items = [
            Item(lease.task.queue, (lease.task.id, lease.token, ARCHIVE_RETENTION_MS, lease.task.lock_digest))
            for lease in leases
        ]
        return await settle_items(self._server, self._release, items)

    async def pass_wakeup_on(self, queues: Sequence[str]) -> None:
        """Wake another worker where tasks are pending: this one stops, and may have swallowed a wake-up."""
        await self._server.run_all([Call(self._release, queue) for queue in queues])

    async def report_progress(self, reports: Sequence[tuple[Lease, bytes]]) -> list[Settled]:
        """Record what running handlers report, JSON.

        Returns:
            Per report ``DONE`` or ``STALE``.
        """
        items = [Item(lease.task.queue, (lease.task.id, lease.token, progress)) for lease, progress in reports]
        return await settle_items(self._server, self._progress, items)

    def _holds_until_ms(self, queue: str) -> int:
        """Until when a call that begins now is answered before we give up waiting, by the server's clock."""
        ahead_ms = self._ahead_ms.get(queue)
        return 0 if ahead_ms is None else math.ceil(_monotonic_ms() + ahead_ms + self._server.timeout_ms * _HOLDS)

    def _read(self, queue: str, answer: Any) -> Leased | StoreError:
        now_ms, *rest = answer
        self._ahead_ms[queue] = now_ms - _monotonic_ms()
        return _read(queue, now_ms, *rest) if rest else StoreUnavailable("the call to lease tasks came too late")


def _monotonic_ms() -> float:
    return time.monotonic() * 1000


def _read(queue: str, now_ms: int, orphans: int, newer: int, flat: list[Any]) -> Leased:
    leased = Leased([], [], orphans, newer)
    for raw_id, data, token, attempt, excused, entered_at_ms in rows(flat, 6):
        task_id = raw_id.decode()
        try:
            task = envelope.decode(task_id, queue, data)
        except EnvelopeError as error:
            leased.unreadable.append(UnreadableLease(queue, task_id, token, attempt, now_ms, str(error)))
        else:
            leased.leases.append(Lease(task, token, attempt, now_ms, entered_at_ms, excused))
    return leased
