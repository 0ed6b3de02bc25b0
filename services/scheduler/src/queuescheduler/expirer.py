"""Forgets ended tasks whose retention is over."""

from __future__ import annotations

import asyncio

import structlog

from queuecore.domain.backoff import Backoff
from queuecore.errors import StoreError
from queuecore.store.attempts.maintenance import Maintenance
from queuescheduler.known_queues import KnownQueues
from queuescheduler.metrics import SchedulerMetrics

INTERVAL_S = 2.0

log = structlog.get_logger()


class Expirer:
    """Trims the completed and archived tasks of all queues, a bounded number at a time.

    Args:
        maintenance: expires.
        queues: which queues there are.
        metrics: counts.
        backoff: for a store that is away.
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
        """Forget what is due once; whether more is due at once.

        Raises:
            StoreError: a queue could not be trimmed.
        """
        answers = await self._maintenance.expire(self._queues.names)
        expired = [answer for answer in answers if not isinstance(answer, StoreError)]
        self._metrics.expired.inc(sum(number for number, _ in expired))
        errors = [answer for answer in answers if isinstance(answer, StoreError)]
        if errors:
            raise errors[0]
        return any(more for _, more in expired)
