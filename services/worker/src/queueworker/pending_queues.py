"""The queues that may have pending tasks. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence, Set

FEW = 10
"""So many queues are leased from at first without a check, as fast as one round trip allows."""
CHECK_S = 0.005
"""Shortest interval at which a busy worker checks the queues that were empty."""
CHECK_S_PER_QUEUE = 0.0001
"""The interval grows with the number of queues, so that the checks cost a small part of the time."""


class PendingQueues:
    """Remembers which queues were empty, until a wake-up or a check finds tasks in them.

    Args:
        queues: all queues of the worker, in its order.
        clock: the monotonic time in seconds.
    """

    def __init__(self, queues: Sequence[str], clock: Callable[[], float]) -> None:
        self._rank = {queue: rank for rank, queue in enumerate(queues)}
        self._pending = set(queues) if len(queues) <= FEW else set()
        self._clock = clock
        self._interval_s = max(CHECK_S, CHECK_S_PER_QUEUE * len(queues))
        self._checked_at = -math.inf

    def candidates(self) -> list[str]:
        """The queues that may have pending tasks, in the worker's order."""
        return sorted(self._pending, key=self._rank.__getitem__)

    def add(self, queues: Iterable[str]) -> None:
        """Note queues that have pending tasks."""
        self._pending.update(queues)

    def remove(self, queue: str) -> None:
        """Note a queue that is empty."""
        self._pending.discard(queue)

    def take_due(self, asked: Set[str]) -> list[str]:
        """The queues to check now, none before the interval has passed since the last check.

        Args:
            asked: queues that were found empty just now and need no check.
        """
        now = self._clock()
        if now - self._checked_at < self._interval_s:
            return []
        due = [queue for queue in self._rank if queue not in self._pending and queue not in asked]
        if due:
            self._checked_at = now
        return due
