"""Correction of the order of pending tasks: entries in the future, and priorities that age."""

from __future__ import annotations

import structlog

from queuecore.domain.backoff import Backoff
from queuecore.store.attempts.maintenance import Maintenance
from queuecore.store.result import partition
from queuescheduler.known_queues import KnownQueues
from queuescheduler.metrics import SchedulerMetrics
from queuescheduler.tick_loop import run_ticks

INTERVAL_S = 2.0

log = structlog.get_logger()


class PendingOrder:
    """Corrects the order of the pending tasks of all queues, a bounded number at a time.

    Args:
        maintenance: moves tasks in the store.
        queues: the queues to correct.
        ageing_ms: the priority ageing of queues without a setting of their own; 0: none.
        metrics: counts aged tasks.
        backoff: between attempts while the store is unreachable.
    """

    def __init__(
        self,
        *,
        maintenance: Maintenance,
        queues: KnownQueues,
        ageing_ms: int,
        metrics: SchedulerMetrics,
        backoff: Backoff,
    ) -> None:
        self._maintenance = maintenance
        self._queues = queues
        self._ageing_ms = ageing_ms
        self._metrics = metrics
        self._backoff = backoff

    async def run(self) -> None:
        """Correct until cancelled."""
        await run_ticks(self.tick, self._backoff, "order_failed")

    async def tick(self) -> float:
        """Correct one batch of each queue.

        Returns:
            Seconds until the next tick; 0 when more tasks are waiting for it.

        Raises:
            StoreError: a queue could not be corrected.
        """
        names = self._queues.names
        reordered, failed = partition(names, await self._maintenance.order_pending(names, self._ageing_ms))
        for queue, each in reordered:
            self._metrics.aged.inc(each.aged)
            if each.corrected:
                log.warning("future_entries_corrected", queue=queue, tasks=each.corrected)
        if failed:
            raise failed[0][1]
        return 0.0 if any(each.more for _, each in reordered) else INTERVAL_S
