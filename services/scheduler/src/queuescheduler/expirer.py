"""Deletion of completed and archived tasks after their retention."""

from __future__ import annotations

from queuecore.domain.backoff import Backoff
from queuecore.store.attempts.maintenance import Maintenance
from queuecore.store.result import partition
from queuescheduler.known_queues import KnownQueues
from queuescheduler.metrics import SchedulerMetrics
from queuescheduler.tick_loop import run_ticks

INTERVAL_S = 2.0


class Expirer:
    """Deletes ended tasks of all queues whose retention has ended, a bounded number at a time.

    Args:
        maintenance: expires tasks in the store.
        queues: the queues to expire.
        metrics: counts expired tasks.
        backoff: between attempts while the store is unreachable.
    """

    def __init__(
        self, *, maintenance: Maintenance, queues: KnownQueues, metrics: SchedulerMetrics, backoff: Backoff
    ) -> None:
        self._maintenance = maintenance
        self._queues = queues
        self._metrics = metrics
        self._backoff = backoff

    async def run(self) -> None:
        """Expire until cancelled."""
        await run_ticks(self.tick, self._backoff, "expire_failed")

    async def tick(self) -> float:
        """Expire one batch of each queue.

        Returns:
            Seconds until the next tick; 0 when more tasks are waiting for it.

        Raises:
            StoreError: a queue could not be expired.
        """
        names = self._queues.names
        expired, failed = partition(names, await self._maintenance.expire(names))
        self._metrics.expired.inc(sum(number for _, (number, _more) in expired))
        if failed:
            raise failed[0][1]
        return 0.0 if any(more for _, (_number, more) in expired) else INTERVAL_S
