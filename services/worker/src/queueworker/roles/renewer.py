"""Renewal of the leases of all runs in flight."""

from __future__ import annotations

import asyncio
import time

import structlog

from queuecore.store.attempts.leases import Leases
from queuecore.store.result import partition
from queuecore.store.scripts.replies import Reply
from queueworker.metrics import WorkerMetrics
from queueworker.runs.in_flight import InFlightRuns
from queueworker.runs.run import Run, StopReason

log = structlog.get_logger()

RENEWALS_PER_LEASE = 3
"""Two renewals in a row may fail before a lease expires."""
RETRY_S = 1.0
"""Upper bound of the pause after a failure: once the store is reachable, expired leases must be renewed at once."""


class Renewer:
    """Renews leases, and stops runs whose lease is lost or whose task was cancelled.

    Args:
        leases: renews in the store.
        in_flight: the runs of this worker.
        metrics: counts lost leases.
    """

    def __init__(self, *, leases: Leases, in_flight: InFlightRuns, metrics: WorkerMetrics) -> None:
        self._leases = leases
        self._in_flight = in_flight
        self._metrics = metrics
        self.last_tick_at = time.monotonic()
        """End of the last tick, successful or not, by the monotonic clock. An old one means that this role hangs."""

    @property
    def interval_s(self) -> float:
        """Seconds between renewals."""
        return self._leases.lease_ms / RENEWALS_PER_LEASE / 1000

    async def run(self) -> None:
        """Renew until cancelled."""
        pause_s = self.interval_s
        while True:
            await asyncio.sleep(pause_s)
            pause_s = self.interval_s if await self.tick() else min(RETRY_S, self.interval_s)
            self.last_tick_at = time.monotonic()

    async def tick(self) -> bool:
        """Renew all leases once.

        Returns:
            Whether the store replied for all of them.
        """
        runs = self._in_flight.all()
        if not runs:
            return True
        renewed, failed = partition(runs, await self._leases.renew([run.lease for run in runs]))
        for run, reply in renewed:
            self._apply(run, reply)
        if failed:
            log.warning("renew_failed", error=str(failed[0][1]), leases=len(runs))
        return not failed

    def _apply(self, run: Run, reply: Reply) -> None:
        if reply is Reply.CANCELLED:
            run.stop(StopReason.CANCELLED)
        elif reply is Reply.STALE and self._in_flight.is_running(run):
            # A run that has ended is not lost: the store may have accepted its outcome during this call.
            self._metrics.leases_lost.inc()
            run.context.logger.warning("lease_lost")
            self._in_flight.drop(run)
            run.stop(StopReason.LEASE_LOST)
