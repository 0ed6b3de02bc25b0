"""Takes tasks back from workers that are gone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

import structlog

from queuecore.domain.backoff import Backoff
from queuecore.errors import StoreError
from queuecore.observe.tracing.setup import Tracing
from queuecore.store.attempts.maintenance import HeldTask, LapsedLease, Lapses, Maintenance, Reclaim
from queuecore.store.scripts.replies import Reply
from queuescheduler.known_queues import KnownQueues
from queuescheduler.lost_workers import Suspects, judge_lapse
from queuescheduler.metrics import SchedulerMetrics
from queuescheduler.outage_grace import Absences
from queuescheduler.tracing import trace_lost_attempt

INTERVAL_S = 1.0
"""Leases are looked at so often at least, sooner when one may lapse sooner."""
SHORTEST_PAUSE_S = 0.05
AWAY_PAUSE_S = 0.5
"""How often at most, while the server of some queue is away."""

log = structlog.get_logger()


class Reclaimer:
    """Looks for lapsed leases and ends their attempts.

    Args:
        maintenance: finds and reclaims.
        queues: which queues there are.
        poison_losses: see :func:`~queuescheduler.lost_workers.judge_lapse`.
        metrics: counts.
        tracing: tells of lost attempts; ``None`` when tracing is off.
        backoff: for a store that is away.
        clock: the monotonic clock, in seconds.
    """

    def __init__(
        self,
        *,
        maintenance: Maintenance,
        queues: KnownQueues,
        poison_losses: int,
        metrics: SchedulerMetrics,
        tracing: Tracing | None = None,
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
        self._absences = Absences()

    async def run(self) -> None:
        """Reclaim until cancelled."""
        while True:
            try:
                pause_s = await self.tick()
                self._backoff.succeed()
            except StoreError as error:
                pause_s = self._backoff.fail()
                log.warning("reclaim_failed", error=str(error), retry_in_s=round(pause_s, 3))
            await asyncio.sleep(pause_s)

    async def tick(self) -> float:
        """Look at all queues once; seconds until the next look.

        Raises:
            StoreError: no queue could be looked at, or a task not be reclaimed.
        """
        names = self._queues.names
        answers = dict(zip(names, await self._maintenance.find_lapsed(names), strict=True))
        lapses = {queue: answer for queue, answer in answers.items() if isinstance(answer, Lapses)}
        now = self._clock()
        answered = {queue: queue in lapses for queue in names}
        self._absences.note(now, answered, registry_away=self._queues.last_error is not None)
        seen = [
            (lapsed, found.now_ms)
            for queue, found in lapses.items()
            if self._absences.is_over(queue, now)
            for lapsed in found.lapsed
        ]
        failed = await self._reclaim(await self._judge(seen))
        away = [answer for answer in answers.values() if isinstance(answer, StoreError)]
        if failed or (away and not lapses):
            raise (failed + away)[0]
        pause_s = min(map(_pause_s, lapses.values()), default=INTERVAL_S)
        if away:
            log.warning("queues_away", queues=len(away), error=str(away[0]))
        return min(INTERVAL_S, max(pause_s, AWAY_PAUSE_S if away else 0))

    async def _judge(self, seen: Sequence[tuple[LapsedLease, int]]) -> list[Reclaim]:
        """What becomes of lapsed leases, each seen at a time by the server's clock."""
        workers = {lapsed.attempt.worker for lapsed, _ in seen}
        held = await self._maintenance.find_held(self._queues.names, sorted(workers)) if workers else []
        suspects = Suspects([each for each in held if isinstance(each, HeldTask)], self._poison_losses)
        return [judge_lapse(lapsed, now_ms, self._poison_losses, suspects.suspicion(lapsed)) for lapsed, now_ms in seen]

    async def _reclaim(self, reclaims: list[Reclaim]) -> list[StoreError]:
        errors = []
        replies = await self._maintenance.reclaim(reclaims)
        for reclaim, reply in zip(reclaims, replies, strict=True):
            if isinstance(reply, StoreError):
                errors.append(reply)
            elif reply is not Reply.STALE:
                self._metrics.reclaimed.inc()
                if self._tracing is not None:
                    trace_lost_attempt(self._tracing, reclaim)
                log.warning(
                    "task_reclaimed",
                    task_id=reclaim.lapsed.task_id,
                    queue=reclaim.lapsed.queue,
                    type=reclaim.lapsed.task.type if reclaim.lapsed.task else None,
                    attempt=reclaim.lapsed.attempt.number,
                    worker=reclaim.lapsed.attempt.worker,
                    reason=reclaim.reason,
                )
        return errors


def _pause_s(lapses: Lapses) -> float:
    if lapses.lapsed:
        return SHORTEST_PAUSE_S
    if lapses.next_lapse_at_ms is None:
        return INTERVAL_S
    return max(SHORTEST_PAUSE_S, (lapses.next_lapse_at_ms - lapses.now_ms) / 1000)
