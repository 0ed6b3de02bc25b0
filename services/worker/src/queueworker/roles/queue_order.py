"""Which queues the free slots go to. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol


class QueueOrder(Protocol):
    """Divides free slots among queues."""

    @property
    def queues(self) -> Sequence[str]:
        """All queues that are served."""

    def share(self, slots: int, hungry: Sequence[str]) -> list[tuple[str, int]]:
        """How many tasks to ask of each queue.

        Args:
            slots: how many may be leased in all.
            hungry: the queues that may have more tasks, a subset of :attr:`queues`.

        Returns:
            Pairs of queue and number, none of them zero; together at most ``slots``.
        """


class WeightedOrder:
    """Each queue gets slots in proportion to its weight; what one does not need goes to the others.

    What a queue is owed in fractions of a slot is carried over, so that with one slot at a time, too, no queue starves.
    """

    def __init__(self, weights: Mapping[str, int]) -> None:
        self._weights = dict(weights)
        self._owed = dict.fromkeys(weights, 0.0)

    @property
    def queues(self) -> Sequence[str]:
        """All queues that are served."""
        return list(self._weights)

    def share(self, slots: int, hungry: Sequence[str]) -> list[tuple[str, int]]:
        """See :class:`QueueOrder`."""
        total = sum(self._weights[queue] for queue in hungry)
        for queue in hungry:
            self._owed[queue] += slots * self._weights[queue] / total
        whole = {queue: max(0, int(self._owed[queue])) for queue in hungry}
        spare = slots - sum(whole.values())
        for queue in sorted(hungry, key=lambda each: whole[each] - self._owed[each])[: max(0, spare)]:
            whole[queue] += 1
        granted = _at_most(slots, whole)
        for queue, number in granted:
            self._owed[queue] -= number
        return granted


class StrictOrder:
    """The first queue is served before the second, and so on: a later one runs only when all before it are empty."""

    def __init__(self, queues: Sequence[str]) -> None:
        self._queues = list(queues)

    @property
    def queues(self) -> Sequence[str]:
        """All queues that are served, first things first."""
        return self._queues

    def share(self, slots: int, hungry: Sequence[str]) -> list[tuple[str, int]]:
        """See :class:`QueueOrder`."""
        first = next(queue for queue in self._queues if queue in hungry)
        return [(first, slots)]


def _at_most(slots: int, wanted: Mapping[str, int]) -> list[tuple[str, int]]:
    granted = []
    for queue, number in wanted.items():
        taken = min(number, slots)
        slots -= taken
        if taken:
            granted.append((queue, taken))
    return granted
