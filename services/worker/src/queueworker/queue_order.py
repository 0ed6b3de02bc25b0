"""Allocation of free slots to queues. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol


class QueueOrder(Protocol):
    """Allocates free slots to queues."""

    @property
    def queues(self) -> Sequence[str]:
        """All queues of the worker."""

    def allocate(self, slots: int, candidates: Sequence[str]) -> list[tuple[str, int]]:
        """Allocate free slots.

        Args:
            slots: free slots.
            candidates: queues that may have pending tasks, a subset of :attr:`queues`.

        Returns:
            Pairs of queue and number of tasks to lease. No number is zero; their sum is at most ``slots``.
        """


class WeightedOrder:
    """Allocates slots in proportion to the weights of the queues; empty queues leave theirs to the others.

    Fractions of a slot are carried over as credit, so that no queue starves when slots become free one at a time.
    """

    def __init__(self, weights: Mapping[str, int]) -> None:
        self._weights = dict(weights)
        self._credit = dict.fromkeys(weights, 0.0)

    @property
    def queues(self) -> Sequence[str]:
        """All queues of the worker."""
        return list(self._weights)

    def allocate(self, slots: int, candidates: Sequence[str]) -> list[tuple[str, int]]:
        """See :class:`QueueOrder`."""
        total = sum(self._weights[queue] for queue in candidates)
        for queue in candidates:
            self._credit[queue] += slots * self._weights[queue] / total
        whole = {queue: max(0, int(self._credit[queue])) for queue in candidates}
        spare = slots - sum(whole.values())
        for queue in sorted(candidates, key=lambda each: whole[each] - self._credit[each])[: max(0, spare)]:
            whole[queue] += 1
        allocated = _cap(slots, whole)
        for queue, number in allocated:
            self._credit[queue] -= number
        return allocated


class StrictOrder:
    """Allocates all slots to the first queue that has tasks: a queue waits until all before it are empty."""

    def __init__(self, queues: Sequence[str]) -> None:
        self._queues = list(queues)
        self._rank = {queue: rank for rank, queue in enumerate(queues)}

    @property
    def queues(self) -> Sequence[str]:
        """All queues of the worker, highest priority first."""
        return self._queues

    def allocate(self, slots: int, candidates: Sequence[str]) -> list[tuple[str, int]]:
        """See :class:`QueueOrder`."""
        return [(min(candidates, key=self._rank.__getitem__), slots)]


def _cap(slots: int, wanted: Mapping[str, int]) -> list[tuple[str, int]]:
    """Cut ``wanted`` so that its sum is at most ``slots``."""
    allocated = []
    for queue, number in wanted.items():
        taken = min(number, slots)
        slots -= taken
        if taken:
            allocated.append((queue, taken))
    return allocated
