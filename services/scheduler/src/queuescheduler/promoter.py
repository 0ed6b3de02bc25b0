"""Promotion of scheduled tasks and retries to pending, at the moment they are due."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import structlog

from queuecore.domain.backoff import Backoff
from queuecore.errors import StoreError
from queuecore.store.attempts.maintenance import Maintenance, Promotion
from queuecore.store.attempts.notifications import Notifications
from queuecore.store.result import partition
from queuescheduler.known_queues import KnownQueues
from queuescheduler.metrics import SchedulerMetrics

SAFETY_POLL_S = 5.0
"""Interval at which each queue is promoted even without a notification."""
_TIMER_STEP_S = 0.001
"""Resolution of the event loop's timers. The last step is spent in turns of the loop instead of a timer."""
_EXACT_EVERY_S = 0.02
"""Shortest time between two such exact waits: they take at most a tenth of a processor."""

log = structlog.get_logger()


class Promoter:
    """Sleeps until the earliest due time of all queues. A notification of an earlier one wakes it.

    Args:
        maintenance: promotes due tasks in the store.
        notifications: announces queues whose earliest due time has moved forward.
        queues: the queues to promote.
        metrics: counts promotions and measures their lateness.
        backoff: between attempts while the store is unreachable.
    """

    def __init__(
        self,
        *,
        maintenance: Maintenance,
        notifications: Notifications,
        queues: KnownQueues,
        metrics: SchedulerMetrics,
        backoff: Backoff,
    ) -> None:
        self._maintenance = maintenance
        self._notifications = notifications
        self._queues = queues
        self._metrics = metrics
        self._backoff = backoff
        self._wake_at: dict[str, float] = {}
        """For each queue the next promotion, by the monotonic clock."""
        self._woken = asyncio.Event()
        self._promoted_at = 0.0
        queues.on_change(self._wake_all)

    async def run(self) -> None:
        """Promote until cancelled."""
        while True:
            now = time.monotonic()
            due = [queue for queue, at in self._wake_at.items() if at <= now]
            if not due:
                await self._sleep_until(min(self._wake_at.values(), default=now + SAFETY_POLL_S), now)
            elif failed := await self._promote(due):
                pause_s = self._backoff.fail()
                log.warning("promote_failed", error=str(failed), retry_in_s=round(pause_s, 3))
                await asyncio.sleep(pause_s)
            else:
                self._backoff.succeed()

    async def listen(self) -> None:
        """Receive notifications of earlier due times until cancelled."""
        backoff = self._backoff.another()
        while True:
            try:
                async for queue in self._notifications.due_queues():
                    backoff.succeed()
                    self._wake(queue)
            except StoreError as error:
                pause_s = backoff.fail()
                log.warning("due_subscription_lost", error=str(error), retry_in_s=round(pause_s, 3))
                await asyncio.sleep(pause_s)
                self._wake_all()

    async def _promote(self, queues: Sequence[str]) -> StoreError | None:
        """Promote the due tasks of ``queues`` and schedule the next promotion of each."""
        for queue in queues:
            # Before the call, so that a notification that arrives during the call is not overwritten after it.
            self._wake_at[queue] = time.monotonic() + SAFETY_POLL_S
        called_at = time.monotonic()
        promoted, failed = partition(queues, await self._maintenance.promote(queues))
        self._promoted_at = time.monotonic()
        # The server read its clock about halfway. An early estimate costs one more call; a late one is lateness.
        server_read_at = (called_at + self._promoted_at) / 2
        for queue, promotion in promoted:
            self._record(queue, promotion, server_read_at)
        for queue, _ in failed:
            self._wake(queue)
        return failed[-1][1] if failed else None

    def _record(self, queue: str, promotion: Promotion, server_read_at: float) -> None:
        self._metrics.record_promotion(promotion)
        if promotion.orphans:
            log.warning("orphans_dropped", queue=queue, orphans=promotion.orphans)
        if promotion.next_due_at_ms is not None:
            in_s = max(0, promotion.next_due_at_ms * 1_000 - promotion.now_us) / 1_000_000
            self._wake_at[queue] = min(self._wake_at[queue], server_read_at + in_s)

    def _wake(self, queue: str) -> None:
        self._wake_at[queue] = 0.0
        self._woken.set()

    def _wake_all(self) -> None:
        for queue in self._queues.names:
            self._wake(queue)

    async def _sleep_until(self, wake_at: float, now: float) -> None:
        """Sleep until ``wake_at``, until one timer step before it, or until woken."""
        in_s = wake_at - now
        if wake_at - self._promoted_at >= _EXACT_EVERY_S:
            in_s -= _TIMER_STEP_S
            if in_s <= 0:
                await asyncio.sleep(0)
                return
        try:
            async with asyncio.timeout(in_s):
                await self._woken.wait()
        except TimeoutError:
            return
        self._woken.clear()
