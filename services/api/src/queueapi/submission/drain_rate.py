"""Drain rates: how many tasks of a queue end per second."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

from queuecore.domain.task import Outcome
from queuecore.store.queues.reader import QueueStats

WINDOW_S = 60.0
"""A rate covers this much time."""
MIN_SAMPLE_INTERVAL_S = 1.0
"""Samples closer together than this are dropped."""

_ENDED = frozenset({Outcome.COMPLETED, Outcome.ARCHIVED})


class _Sample(NamedTuple):
    at_s: float
    ended: int


class DrainRates:
    """Drain rates of queues, computed from samples of their totals."""

    def __init__(self) -> None:
        self._samples: dict[str, deque[_Sample]] = {}

    def observe(self, stats: Iterable[QueueStats], now_s: float) -> None:
        """Add a sample of each queue.

        Args:
            stats: the queues' totals.
            now_s: time of the sample, from a monotonic clock.
        """
        for each in stats:
            ended = sum(number for (outcome, _), number in each.totals.processed.items() if outcome in _ENDED)
            samples = self._samples.setdefault(each.queue, deque())
            if samples and ended < samples[-1].ended:  # the store was flushed
                samples.clear()
            if not samples or now_s - samples[-1].at_s >= MIN_SAMPLE_INTERVAL_S:
                samples.append(_Sample(now_s, ended))
            while now_s - samples[0].at_s > WINDOW_S:
                samples.popleft()

    def rate(self, queue: str) -> float | None:
        """Tasks per second; ``None`` before the second sample."""
        samples = self._samples.get(queue)
        if samples is None or len(samples) < 2:
            return None
        first, last = samples[0], samples[-1]
        return (last.ended - first.ended) / (last.at_s - first.at_s)
