"""Takes tasks back from workers that are gone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import structlog

from queuecore.domain.backoff import Backoff
from queuecore.errors import StoreError
from queuecore.store.replies import Reply
from queuecore.store.upkeep import Lapses, Reclaim, Upkeep
from queuescheduler.known_queues import KnownQueues
from queuescheduler.lapse import judge_lapse
from queuescheduler.observation import SchedulerMetrics

INTERVAL_S = 1.0
"""Leases are looked at so often at least, sooner when one may lapse sooner."""
SHORTEST_PAUSE_S = 0.05
MOST_GRACE_S = 3.0
"""What workers get at most, when the store is back, to renew leases that lapsed because nobody could."""

log = structlog.get_logger()


class Reclaimer:
    """Looks for lapsed leases and ends their attempts.

    Args:
        upkeep: finds and reclaims.
        queues: which queues there are.
        poison_losses: see :func:`~queuescheduler.lapse.judge_lapse`.
        metrics: counts.
        backoff: for a store that is away.
        clock: the monotonic clock, in seconds.
    """

    def __init__(
        self,
        *,
        upkeep: Upkeep,
        queues: KnownQueues,
        poison_losses: int,
        metrics: SchedulerMetrics,
        backoff: Backoff,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._upkeep = upkeep
        self._queues = queues
        self._poison_losses = poison_losses
        self._metrics = metrics
        self._backoff = backoff
        self._clock = clock
        self._away_since: float | None = None
        self._grace_until = clock()

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
            StoreError: a queue could not be looked at, or a task not be reclaimed.
        """
        pauses_s, reclaims, errors = [INTERVAL_S], [], []
        for answer in await self._upkeep.find_lapsed(self._queues.names):
            if isinstance(answer, StoreError):
                errors.append(answer)
            else:
                pauses_s.append(_pause_s(answer))
                reclaims += [judge_lapse(lapsed, answer.now_ms, self._poison_losses) for lapsed in answer.lapsed]
        if self._may_reclaim(away=bool(errors or self._queues.last_error)):
            errors += await self._reclaim(reclaims)
        if errors:
            raise errors[0]
        return min(pauses_s)

    def _may_reclaim(self, *, away: bool) -> bool:
        """Whether a lapsed lease tells of a lost worker, and not of a store that was away from all.

        Those who hold leases get as much time to renew them as they had none before, up to a limit.
        """
        now = self._clock()
        if away and self._away_since is None:
            self._away_since = now
        elif not away and self._away_since is not None:
            self._grace_until = now + min(now - self._away_since, MOST_GRACE_S)
            self._away_since = None
        # Of several roles this one may be the first that the store answers again.
        return self._queues.last_error is None and now >= self._grace_until

    async def _reclaim(self, reclaims: list[Reclaim]) -> list[StoreError]:
        errors = []
        replies = await self._upkeep.reclaim(reclaims)
        for reclaim, reply in zip(reclaims, replies, strict=True):
            if isinstance(reply, StoreError):
                errors.append(reply)
            elif reply is not Reply.STALE:
                self._metrics.reclaimed.inc()
                log.warning(
                    "task_reclaimed",
                    task_id=reclaim.lapsed.task_id,
                    queue=reclaim.lapsed.queue,
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
