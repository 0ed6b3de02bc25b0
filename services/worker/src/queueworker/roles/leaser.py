"""Keeps the slots filled: leases tasks whenever slots are free."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

import structlog

from queuecore.domain.backoff import Backoff
from queuecore.errors import StoreError
from queuecore.store.attempts.leases import Lease, Leased, Leases, UnreadableLease
from queuecore.store.attempts.notifications import Notifications
from queueworker.roles.queue_order import QueueOrder
from queueworker.runs.slots import Slots

MAX_PER_LEASE = 200
"""Tasks leased at once, of all queues together: more than that would not be divided as the order says."""

log = structlog.get_logger()


class Leaser:
    """Leases tasks and hands each to ``start``.

    Args:
        leases: where tasks are leased.
        notifications: wakes it when tasks become pending.
        order: divides the free slots among the queues.
        slots: how many tasks may run.
        start: begins to run a leased task; takes a slot.
        archive: puts tasks away that cannot be read.
        room: waits until the store has taken enough outcomes for more tasks to be leased.
        safety_poll_s: how often it looks for pending tasks while nothing wakes it.
        backoff: for a store that is away.
    """

    def __init__(
        self,
        *,
        leases: Leases,
        notifications: Notifications,
        order: QueueOrder,
        slots: Slots,
        start: Callable[[Lease], None],
        archive: Callable[[list[UnreadableLease]], None],
        room: Callable[[], asyncio.Future[None] | None],
        safety_poll_s: float,
        backoff: Backoff,
    ) -> None:
        self._leases = leases
        self._notifications = notifications
        self._order = order
        self._slots = slots
        self._start = start
        self._archive = archive
        self._room = room
        self._safety_poll_s = safety_poll_s
        self._backoff = backoff
        self._stopped = False
        self._sleeper: asyncio.Task[object] | None = None

    def stop(self) -> None:
        """Lease no more. A lease call that is under way is brought to its end: its tasks are ours already."""
        self._stopped = True
        if self._sleeper is not None:
            self._sleeper.cancel()

    async def run(self) -> None:
        """Lease until stopped."""
        while not self._stopped:
            try:
                if not await self.fill():
                    await self._sleep(self._wait_for_work)
                elif not self._slots.free:
                    await self._sleep(self._slots.wait_until_some_free)
                elif self._room():
                    await self._sleep(self._wait_for_room)
                self._backoff.succeed()
            except StoreError as error:
                pause_s = self._backoff.fail()
                log.warning("lease_failed", error=str(error), retry_in_s=round(pause_s, 3))
                await self._sleep(partial(asyncio.sleep, pause_s))

    async def _wait_for_work(self) -> None:
        await self._notifications.sleep_until_pending(self._order.queues, self._safety_poll_s)

    async def _wait_for_room(self) -> None:
        if room := self._room():
            await room

    async def _sleep(self, wait: Callable[[], Awaitable[object]]) -> None:
        """Wait for something, or until stopped. Not in an asyncio task of its own: work is to be begun at once."""
        stopped_during_call = self._stopped
        if stopped_during_call:
            # There was nothing to cancel.
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

    async def fill(self) -> bool:
        """Lease for all free slots.

        Returns:
            Whether queues may have more tasks; ``False`` when all of them are empty.

        Raises:
            StoreError: no queue could be asked.
        """
        hungry = list(self._order.queues)
        while hungry and self._slots.free and not self._stopped and not self._room():
            wanted = self._order.share(min(self._slots.free, MAX_PER_LEASE), hungry)
            answers = await self._leases.lease(wanted)
            errors = [answer for answer in answers if isinstance(answer, StoreError)]
            if len(errors) == len(answers):
                raise errors[0]
            for (queue, number), answer in zip(wanted, answers, strict=True):
                if isinstance(answer, StoreError) or not self._begin(answer, number):
                    hungry.remove(queue)
        return bool(hungry)

    def _begin(self, leased: Leased, wanted: int) -> bool:
        """Start what was leased; whether the queue gave all that was asked for."""
        for lease in leased.leases:
            self._start(lease)
        if leased.unreadable:
            self._archive(leased.unreadable)
        if leased.orphans or leased.newer:
            log.warning("tasks_passed_over", orphans=leased.orphans, newer_version=leased.newer)
        return len(leased.leases) + len(leased.unreadable) >= wanted
