"""What those are told whose task was refused because its queue is full."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

from prometheus_client import CollectorRegistry

from queueapi.errors import ApiError, payload_too_large, queue_full
from queueapi.http.store_deadline import StoreDeadline
from queueapi.submission.drain_rate import DrainRates
from queuecore.errors import StoreError
from queuecore.observe.metrics.definitions import ENQUEUES_REJECTED
from queuecore.store.queues.reader import QueueReader
from queuecore.store.tasks.enqueue import EnqueueResult, QueueFull

FRESH_S = 1.0
"""A queue is not looked at again before so much time has passed."""
FREED_SHARE = 0.1
"""Callers come back when this share of the waiting tasks will have ended. Earlier, most would be refused again."""
UNKNOWN_RATE_S = 5
"""What they wait while nobody has seen how fast the queue gets emptier."""
LONGEST_WAIT_S = 60
"""Of a queue that nobody works on, too, callers are to look again: workers may have come."""


class Backpressure:
    """Watches queues that refuse tasks, and says when to ask again.

    Args:
        reader: looks at queues.
        rates: takes the looks into account.
        registry: where refusals are counted.
        clock: monotonic, in seconds.
    """

    def __init__(
        self,
        reader: QueueReader,
        rates: DrainRates,
        registry: CollectorRegistry,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._reader = reader
        self._rates = rates
        self._rejected = ENQUEUES_REJECTED.build(registry)
        self._clock = clock
        self._waiting: dict[str, int] = {}
        self._looked_at_s: dict[str, float] = {}

    async def note(self, answers: Sequence[EnqueueResult]) -> None:
        """Count the refusals, and look at the queues that refused."""
        refused = [answer for answer in answers if isinstance(answer, QueueFull)]
        for each in refused:
            self._rejected.labels(queue=each.queue, reason=each.limit).inc()
        now_s = self._clock()
        stale = {each.queue for each in refused if now_s - self._looked_at_s.get(each.queue, -math.inf) >= FRESH_S}
        if not stale:
            return
        self._looked_at_s |= dict.fromkeys(stale, now_s)
        try:
            async with StoreDeadline():
                stats = await self._reader.stats(sorted(stale))
        except StoreError:
            return
        self._rates.observe(stats, now_s)
        self._waiting |= {each.queue: each.waiting for each in stats}

    def refusal(self, refused: QueueFull) -> ApiError:
        """A 429 that says when to come again; a 413 for a task for which there can never be room."""
        if refused.limit == "max_bytes" and refused.needed > refused.maximum:
            return payload_too_large("the task", refused.maximum, f"max_bytes of queue {refused.queue}")
        return queue_full(refused, self.retry_after_s(refused.queue))

    def retry_after_s(self, queue: str) -> int:
        """In how many seconds there will be room, as far as can be told."""
        rate = self._rates.rate(queue)
        if rate is None:
            return UNKNOWN_RATE_S
        to_end = max(1.0, self._waiting.get(queue, 0) * FREED_SHARE)
        return min(LONGEST_WAIT_S, max(1, math.ceil(to_end / rate))) if rate else LONGEST_WAIT_S
