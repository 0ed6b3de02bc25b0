"""Makes tasks pending when they are due, and not a moment later."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import structlog

from queuecore.domain.backoff import Backoff
from queuecore.errors import StoreError
from queuecore.store.attempts.maintenance import Maintenance, Promotion
from queuecore.store.attempts.notifications import Notifications
from queuescheduler.known_queues import KnownQueues
from queuescheduler.metrics import SchedulerMetrics

SAFETY_POLL_S = 5.0
"""Every queue is looked at so often, whatever was signalled."""
_TIMER_STEP_S = 0.001
"""The event loop's timers are this exact at best. The last step is waited for in turns of the loop."""
_EXACT_EVERY_S = 0.02
"""But not more often than this, so that it takes a tenth of a processor at most."""

log = structlog.get_logger()


class Promoter:
    """Sleeps until the earliest due time of all queues; is woken when an earlier one arrives.

    Args:
        maintenance: promotes.
        notifications: tells of earlier due times.
        queues: which queues there are.
        metrics: counts, and measures lateness.
        backoff: for a store that is away.
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
        """Per queue when to promote next, by the monotonic clock."""
        self._woken = asyncio.Event()
        self._promoted_at = 0.0
        queues.on_change(self._add_queues)

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
        """Hear of earlier due times until cancelled."""
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
                self._add_queues()

    async def _promote(self, queues: Sequence[str]) -> StoreError | None:
        """Promote what is due in ``queues`` and note when to come back."""
        for queue in queues:
            # Before the call: a signal that comes while it is under way must not be overwritten after it.
            self._wake_at[queue] = time.monotonic() + SAFETY_POLL_S
        failed = None
        asked_at = time.monotonic()
        answers = await self._maintenance.promote(queues)
        # The server looked at its clock about halfway. Too early by a little, it is asked once more; late is late.
        self._promoted_at = time.monotonic()
        looked_at = (asked_at + self._promoted_at) / 2
        for queue, answer in zip(queues, answers, strict=True):
            if isinstance(answer, StoreError):
                failed = answer
                self._wake(queue)
            else:
                self._note(queue, answer, looked_at)
        return failed

    def _note(self, queue: str, promotion: Promotion, looked_at: float) -> None:
        self._metrics.note_promotion(promotion)
        if promotion.orphans:
            log.warning("orphans_dropped", queue=queue, orphans=promotion.orphans)
        if promotion.next_due_at_ms is not None:
            in_s = max(0, promotion.next_due_at_ms * 1_000 - promotion.now_us) / 1_000_000
            self._wake_at[queue] = min(self._wake_at[queue], looked_at + in_s)

    def _wake(self, queue: str) -> None:
        self._wake_at[queue] = 0.0
        self._woken.set()

    def _add_queues(self) -> None:
        for queue in self._queues.names:
            self._wake(queue)

    async def _sleep_until(self, wake_at: float, now: float) -> None:
        """Sleep until then, until a little before it, or until woken."""
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
