"""Deletion of completed and archived tasks after their retention."""

from __future__ import annotations

import asyncio

import structlog

from queuecore.domain.backoff import Backoff
from queuecore.errors import StoreError
from queuecore.store.attempts.maintenance import Maintenance
from queuecore.store.result import partition
from queuescheduler.known_queues import KnownQueues
from queuescheduler.metrics import SchedulerMetrics

INTERVAL_S = 2.0

log = structlog.get_logger()


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
        while True:
            try:
                pause_s = 0.0 if await self.tick() else INTERVAL_S
                self._backoff.succeed()
            except StoreError as error:
                pause_s = self._backoff.fail()
                log.warning("expire_failed", error=str(error), retry_in_s=round(pause_s, 3))
            await asyncio.sleep(pause_s)

    async def tick(self) -> bool:
        """Expire one batch of each queue.

        Returns:
            Whether more tasks are due now.

        Raises:
            StoreError: a queue could not be expired.
        """
        names = self._queues.names
        expired, failed = partition(names, await self._maintenance.expire(names))
        self._metrics.expired.inc(sum(number for _, (number, _more) in expired))
        if failed:
            raise failed[0][1]
        return any(more for _, (_number, more) in expired)
