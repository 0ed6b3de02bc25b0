"""How fast queues get emptier."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

from queuecore.domain.task import Outcome
from queuecore.store.queues.reader import QueueStats

WINDOW_S = 60.0
"""Rates are those of the last minute."""
SPACING_S = 1.0
"""Looks that follow each other faster tell nothing more."""

_ENDED = frozenset({Outcome.COMPLETED, Outcome.ARCHIVED})


class _Look(NamedTuple):
    at_s: float
    ended: int


class DrainRates:
    """Rates at which tasks end, from totals that are looked at now and then."""

    def __init__(self) -> None:
        self._looks: dict[str, deque[_Look]] = {}

    def observe(self, stats: Iterable[QueueStats], now_s: float) -> None:
        """Take a look at queues into account.

        Args:
            stats: what was seen.
            now_s: when, by a monotonic clock.
        """
        for each in stats:
            ended = sum(number for (outcome, _), number in each.totals.processed.items() if outcome in _ENDED)
            looks = self._looks.setdefault(each.queue, deque())
            if looks and ended < looks[-1].ended:  # the store was emptied
                looks.clear()
            if not looks or now_s - looks[-1].at_s >= SPACING_S:
                looks.append(_Look(now_s, ended))
            while now_s - looks[0].at_s > WINDOW_S:
                looks.popleft()

    def rate(self, queue: str) -> float | None:
        """Tasks per second; ``None`` while that is not known."""
        looks = self._looks.get(queue)
        if looks is None or len(looks) < 2:
            return None
        first, last = looks[0], looks[-1]
        return (last.ended - first.ended) / (last.at_s - first.at_s)
