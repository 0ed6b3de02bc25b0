"""Renews the leases of all tasks that this worker holds."""

from __future__ import annotations

import asyncio
import time

import structlog

from queuecore.errors import StoreError
from queuecore.store.attempts.leases import Leases
from queuecore.store.client.batch import Settled
from queuecore.store.scripts.replies import Reply
from queueworker.metrics import WorkerMetrics
from queueworker.runs.in_flight import InFlightRuns
from queueworker.runs.run import Run, StopReason

log = structlog.get_logger()

RENEWALS_PER_LEASE = 3
"""So that one renewal may fail, and the next, before a lease lapses."""
AGAIN_S = 1.0
"""When to try again after a failure, if that is sooner: once the store is back, what lapsed must be renewed at once."""


class Renewer:
    """Renews a few times per lease, and stops what it learns is lost or cancelled.

    Args:
        leases: where leases are renewed.
        in_flight: the runs whose leases they are.
        metrics: counts lost leases.
    """

    def __init__(self, *, leases: Leases, in_flight: InFlightRuns, metrics: WorkerMetrics) -> None:
        self._leases = leases
        self._in_flight = in_flight
        self._metrics = metrics
        self.last_turn_at = time.monotonic()
        """When the loop last came round, whether or not the store answered; an old one means that it is stuck."""

    @property
    def interval_s(self) -> float:
        """Seconds between renewals."""
        return self._leases.lease_ms / RENEWALS_PER_LEASE / 1000

    async def run(self) -> None:
        """Renew until cancelled."""
        pause_s = self.interval_s
        while True:
            await asyncio.sleep(pause_s)
            pause_s = self.interval_s if await self.renew() else min(AGAIN_S, self.interval_s)
            self.last_turn_at = time.monotonic()

    async def renew(self) -> bool:
        """Renew all leases once; whether the store answered for all."""
        runs = self._in_flight.all()
        if not runs:
            return True
        replies = await self._leases.renew([run.lease for run in runs])
        failed = [self._take(run, reply) for run, reply in zip(runs, replies, strict=True)]
        if error := next((each for each in failed if each), None):
            log.warning("renew_failed", error=str(error), leases=len(runs))
            return False
        return True

    def _take(self, run: Run, reply: Settled) -> StoreError | None:
        if isinstance(reply, StoreError):
            return reply
        if reply is Reply.CANCELLED:
            run.stop(StopReason.CANCELLED)
        elif reply is Reply.STALE and self._in_flight.is_running(run):
            # Not what has ended: the store may have taken its outcome while this call was under way.
            self._metrics.leases_lost.inc()
            run.context.logger.warning("lease_lost")
            self._in_flight.drop(run)
            run.stop(StopReason.LEASE_LOST)
        return None
