"""Backpressure: 429 and Retry-After for full queues."""

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
from queuecore.store.tasks.enqueue import AttemptResult, QueueFull

MIN_READ_INTERVAL_S = 1.0
"""The statistics of a full queue are read no more often than this."""
FREED_SHARE = 0.1
"""Callers retry when this share of the waiting tasks has ended. After a shorter wait most would be refused again."""
DEFAULT_RETRY_AFTER_S = 5
"""Retry-After while the drain rate is unknown."""
MAX_RETRY_AFTER_S = 60
"""Retry-After is no longer than this even for a queue without workers: workers may start at any time."""


class Backpressure:
    """Counts refusals by full queues, and estimates when a queue has room again.

    Args:
        reader: reads queue statistics.
        rates: drain rates of the queues, updated with each read.
        registry: exposes the counter of refusals.
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
        self._read_at_s: dict[str, float] = {}

    async def record(self, results: Sequence[AttemptResult]) -> None:
        """Count the refusals among ``results``, and update the statistics of the queues that are full."""
        refused = [result for result in results if isinstance(result, QueueFull)]
        if not refused:
            return
        for each in refused:
            self._rejected.labels(queue=each.queue, reason=each.limit).inc()
        now_s = self._clock()
        due = {
            each.queue for each in refused if now_s - self._read_at_s.get(each.queue, -math.inf) >= MIN_READ_INTERVAL_S
        }
        if due:
            self._read_at_s |= dict.fromkeys(due, now_s)
            await self._read(sorted(due), now_s)

    async def _read(self, queues: Sequence[str], now_s: float) -> None:
        try:
            async with StoreDeadline():
                stats = await self._reader.stats(queues)
        except StoreError:
            return
        self._rates.observe(stats, now_s)
        self._waiting |= {each.queue: each.waiting for each in stats}

    def refusal(self, full: QueueFull) -> ApiError:
        """A 429 with Retry-After; a 413 for a task that is larger than its whole queue may be."""
        if full.limit == "max_bytes" and full.needed > full.maximum:
            return payload_too_large("the task", full.maximum, f"max_bytes of queue {full.queue}")
        return queue_full(full, self.retry_after_s(full.queue))

    def retry_after_s(self, queue: str) -> int:
        """Seconds until the queue is expected to have room."""
        rate = self._rates.rate(queue)
        if rate is None:
            return DEFAULT_RETRY_AFTER_S
        to_end = max(1.0, self._waiting.get(queue, 0) * FREED_SHARE)
        return min(MAX_RETRY_AFTER_S, max(1, math.ceil(to_end / rate))) if rate else MAX_RETRY_AFTER_S
