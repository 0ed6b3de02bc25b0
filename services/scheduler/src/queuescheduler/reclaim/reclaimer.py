"""Recovery of tasks from lost workers."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence

import structlog

from queuecore.domain.backoff import Backoff
from queuecore.errors import StoreError
from queuecore.observe.tracing.tracer import PASSIVE, Tracer
from queuecore.store.attempts.maintenance import ExpiredLease, ExpiredLeases, LeasedTask, Maintenance, Reclaim
from queuecore.store.result import partition
from queuecore.store.scripts.replies import Reply
from queuescheduler.known_queues import KnownQueues
from queuescheduler.metrics import SchedulerMetrics
from queuescheduler.reclaim.clock_jump import ServerClock
from queuescheduler.reclaim.decision import PoisonSuspects, decide_reclaim
from queuescheduler.reclaim.outage_grace import OutageGrace
from queuescheduler.tick_loop import run_ticks
from queuescheduler.tracing import record_lost_attempt

INTERVAL_S = 1.0
"""Longest time between two ticks; shorter when a lease expires sooner."""
MIN_PAUSE_S = 0.05
OUTAGE_PAUSE_S = 0.5
"""Shortest time between two ticks while the server of a queue is unreachable."""

log = structlog.get_logger()


class Reclaimer:
    """Finds expired leases and retries or archives their tasks.

    Args:
        maintenance: finds and reclaims expired leases in the store.
        queues: the queues to watch.
        poison_losses: see :func:`~queuescheduler.reclaim.decision.decide_reclaim`.
        metrics: counts reclaimed tasks.
        tracing: records a span for each lost attempt.
        backoff: between attempts while the store is unreachable.
        clock: the monotonic clock, in seconds.
    """

    def __init__(
        self,
        *,
        maintenance: Maintenance,
        queues: KnownQueues,
        poison_losses: int,
        metrics: SchedulerMetrics,
        tracing: Tracer = PASSIVE,
        backoff: Backoff,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._maintenance = maintenance
        self._queues = queues
        self._poison_losses = poison_losses
        self._metrics = metrics
        self._tracing = tracing
        self._backoff = backoff
        self._clock = clock
        self._grace = OutageGrace()
        self._server_clocks: defaultdict[str, ServerClock] = defaultdict(ServerClock)
        """By queue: in a Cluster each node has its own clock."""

    async def run(self) -> None:
        """Reclaim until cancelled."""
        await run_ticks(self.tick, self._backoff, "reclaim_failed")

    async def tick(self) -> float:
        """Reclaim the expired leases of all queues once.

        Returns:
            Seconds until the next tick.

        Raises:
            StoreError: no queue could be read, or a task could not be reclaimed.
        """
        names = self._queues.names
        asked_at = self._clock()
        read, unreachable = partition(names, await self._maintenance.find_expired_leases(names))
        found = dict(read)
        now = self._clock()
        for queue, each in read:
            self._server_clocks[queue].observe(each.now_ms, asked_at, now)
        answered = {queue: queue in found for queue in names}
        self._grace.observe(now, answered, directory_reachable=self._queues.last_error is None)
        expired = [
            (lease, each.now_ms)
            for queue, each in found.items()
            if self._grace.has_ended(queue, now)
            for lease in each.leases
            if self._server_clocks[queue].has_expired(lease.expired_at_ms, each.now_ms)
        ]
        failed = await self._reclaim(await self._decide(expired))
        errors = [*failed, *(error for _, error in unreachable)]
        if failed or (unreachable and not found):
            raise errors[0]
        ended = {lease.queue for lease, _ in expired}
        # Leases that only a jump of the clock has let expire are looked at again at the usual interval.
        pause_s = min(
            (
                INTERVAL_S
                if each.leases and queue not in ended and self._grace.has_ended(queue, now)
                else _pause_s(each)
                for queue, each in found.items()
            ),
            default=INTERVAL_S,
        )
        if unreachable:
            log.warning("queues_unreachable", queues=len(unreachable), error=str(errors[0]))
        return min(INTERVAL_S, max(pause_s, OUTAGE_PAUSE_S if unreachable else 0))

    async def _decide(self, expired: Sequence[tuple[ExpiredLease, int]]) -> list[Reclaim]:
        """Decide on expired leases, each with the server's clock at which it was read."""
        workers = {lease.attempt.worker for lease, _ in expired}
        held = await self._maintenance.find_leases_of(self._queues.names, sorted(workers)) if workers else []
        suspects = PoisonSuspects([each for each in held if isinstance(each, LeasedTask)], self._poison_losses)
        return [decide_reclaim(lease, now_ms, self._poison_losses, suspects.rank(lease)) for lease, now_ms in expired]

    async def _reclaim(self, reclaims: list[Reclaim]) -> list[StoreError]:
        settled, failed = partition(reclaims, await self._maintenance.reclaim(reclaims))
        for reclaim, reply in settled:
            if reply is not Reply.STALE:
                self._metrics.reclaimed.inc()
                record_lost_attempt(self._tracing, reclaim)
                log.warning(
                    "task_reclaimed",
                    task_id=reclaim.lease.task_id,
                    queue=reclaim.lease.queue,
                    type=reclaim.lease.task.type if reclaim.lease.task else None,
                    attempt=reclaim.lease.attempt.number,
                    worker=reclaim.lease.attempt.worker,
                    reason=reclaim.reason,
                )
        return [error for _, error in failed]


def _pause_s(found: ExpiredLeases) -> float:
    if found.leases:
        return MIN_PAUSE_S
    if found.next_expiry_at_ms is None:
        return INTERVAL_S
    return max(MIN_PAUSE_S, (found.next_expiry_at_ms - found.now_ms) / 1000)
