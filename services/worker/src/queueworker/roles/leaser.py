"""Leasing of tasks whenever slots are free."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial

import structlog

from queuecore.domain.backoff import Backoff
from queuecore.errors import StoreError
from queuecore.store.attempts.leases import Lease, Leased, Leases, UnreadableLease
from queuecore.store.attempts.notifications import Notifications
from queuecore.store.result import partition
from queueworker.pending_queues import PendingQueues
from queueworker.queue_order import QueueOrder
from queueworker.runs.slots import Slots

MAX_PER_LEASE = 200
"""Tasks per lease call, of all queues together. A larger batch would not follow the weights of the queues."""

BLOCKED_PAUSE_S = 0.2
"""Pause before the tasks behind many of a newer version are examined, so that a worker of an older release does not
call the store without pause during a rollout."""

log = structlog.get_logger()


class Leaser:
    """Leases tasks and passes each to ``start``.

    Args:
        leases: leases in the store.
        notifications: wakes the leaser when tasks become pending.
        order: allocates the free slots to the queues.
        slots: how many tasks may run.
        start: starts a leased task and takes a slot.
        archive_unreadable: archives tasks whose envelope is damaged.
        backpressure: the future to await before the next lease while too many outcomes are unsettled, else ``None``.
        safety_poll_s: interval at which the leaser checks for pending tasks without a notification.
        backoff: between attempts while the store is unreachable.
    """

    def __init__(
        self,
        *,
        leases: Leases,
        notifications: Notifications,
        order: QueueOrder,
        slots: Slots,
        start: Callable[[Lease], None],
        archive_unreadable: Callable[[list[UnreadableLease]], None],
        backpressure: Callable[[], asyncio.Future[None] | None],
        safety_poll_s: float,
        backoff: Backoff,
    ) -> None:
        self._leases = leases
        self._notifications = notifications
        self._order = order
        self._queues = PendingQueues(order.queues, time.monotonic)
        self._slots = slots
        self._start = start
        self._archive_unreadable = archive_unreadable
        self._backpressure = backpressure
        self._safety_poll_s = safety_poll_s
        self._backoff = backoff
        self._blocked: set[str] = set()
        """Queues whose last lease call found only tasks of a newer version, with others behind them."""
        self._stopped = False
        self._sleeper: asyncio.Task[object] | None = None

    def stop(self) -> None:
        """Lease no more. A lease call in flight is completed, because the store has assigned its tasks already."""
        self._stopped = True
        if self._sleeper is not None:
            self._sleeper.cancel()

    async def run(self) -> None:
        """Lease until stopped."""
        while not self._stopped:
            try:
                if not await self.tick():
                    await self._sleep(partial(asyncio.sleep, BLOCKED_PAUSE_S) if self._blocked else self._wait_for_work)
                elif not self._slots.free:
                    await self._sleep(self._slots.wait_until_some_free)
                elif self._backpressure():
                    await self._sleep(self._wait_for_settler)
                self._backoff.succeed()
            except StoreError as error:
                pause_s = self._backoff.fail()
                log.warning("lease_failed", error=str(error), retry_in_s=round(pause_s, 3))
                await self._sleep(partial(asyncio.sleep, pause_s))

    async def tick(self) -> bool:
        """Lease until no slot is free or all queues that may have tasks are empty, then check the other queues.

        Returns:
            Whether a queue may have more tasks; ``False`` when all of them are empty.

        Raises:
            StoreError: no queue could be leased from.
        """
        self._blocked.clear()
        candidates = self._queues.candidates()
        asked: set[str] = set()
        found: list[str] = []
        while not (found or self._stopped or self._backpressure()):
            goes_on = bool(candidates and self._slots.free)
            if goes_on:
                asked = await self._lease(candidates)
            # Also while slots become free as fast as they are taken: the other queues may come first in the order.
            found = await self._check(self._queues.take_due(asked))
            if not goes_on:
                break
        self._queues.add(found)
        return bool(candidates or found)

    async def _lease(self, candidates: list[str]) -> set[str]:
        """Lease once from ``candidates``, and remove those that are empty or could not be leased from.

        Returns:
            The queues that were asked.
        """
        wanted = self._order.allocate(min(self._slots.free, MAX_PER_LEASE), candidates)
        leased, failed = partition(wanted, await self._leases.lease(wanted))
        if failed and not leased:
            raise failed[0][1]
        for (queue, _), _ in failed:
            candidates.remove(queue)
        for (queue, _), reply in leased:
            self._start_all(queue, reply)
            if reply.behind == 0 or reply.is_blocked:
                candidates.remove(queue)
                if not reply.is_blocked:
                    self._queues.remove(queue)
        return {queue for queue, _ in wanted}

    async def _check(self, queues: list[str]) -> list[str]:
        """Find the queues with pending tasks; all of them if the check fails, because leases fail one by one."""
        try:
            return await self._notifications.find_pending(queues) if queues else []
        except StoreError:
            return queues

    def _start_all(self, queue: str, leased: Leased) -> None:
        """Start the leased tasks of a queue."""
        for lease in leased.leases:
            self._start(lease)
        if leased.unreadable:
            self._archive_unreadable(leased.unreadable)
        if leased.orphans:
            log.warning("orphans_dropped", queue=queue, orphans=leased.orphans)
        if leased.newer:
            log.warning("newer_tasks_skipped", queue=queue, tasks=leased.newer)
        if leased.is_blocked:
            self._blocked.add(queue)

    async def _wait_for_work(self) -> None:
        self._queues.add(await self._notifications.sleep_until_pending(self._order.queues, self._safety_poll_s))

    async def _wait_for_settler(self) -> None:
        if settled := self._backpressure():
            await settled

    async def _sleep(self, wait: Callable[[], Awaitable[object]]) -> None:
        """Wait, or until stopped. Runs in the asyncio task of the leaser, so that the next lease starts at once."""
        stopped_during_call = self._stopped
        if stopped_during_call:
            # `stop` found no sleeper to cancel.
            return
        self._sleeper = sleeper = asyncio.current_task()
        assert sleeper is not None
        try:
            await wait()
        except asyncio.CancelledError:
            if not self._stopped or sleeper.uncancel():
                raise
        finally:
            self._sleeper = None
