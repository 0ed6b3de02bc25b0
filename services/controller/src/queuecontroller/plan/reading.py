"""Readings of queue metrics, and what happened between two of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

_MISCOUNT = 1.1
"""Allowed ratio of enqueued tasks to arrivals, for metrics whose series were not read at the same moment."""
_BLIND_S = 120.0
"""After a longer time between two readings, nothing is known about the slots in use in between."""

Counter = Mapping[tuple[str, ...], float]
"""Label values, the task type first -> total."""
ByType = Mapping[str, float]
"""Task type -> number."""


class QueueReading(msgspec.Struct, frozen=True, kw_only=True):
    """The metrics of one queue at one time."""

    pending: float = 0
    active: float = 0
    oldest_pending_s: float = 0
    due: Mapping[float, float] = {}
    """Seconds ahead -> tasks due within that time."""
    enqueued: Counter = {}
    """Tasks enqueued, by type."""
    ended: Counter = {}
    """Attempts that ended, by type and outcome."""
    run_s: Counter = {}
    """Total run time of attempts in seconds, by type."""
    runs: Counter = {}
    """Attempts with a measured run time, by type."""
    runs_within: Mapping[float, float] = {}
    """Cumulative histogram of run times over all types: seconds -> attempts that ran no longer."""


EMPTY_QUEUE = QueueReading()


class Reading(msgspec.Struct, frozen=True):
    """The metrics of all queues at one time."""

    at_s: float
    queues: Mapping[str, QueueReading]

    def queue(self, name: str) -> QueueReading:
        """The reading of one queue; an empty one for an unknown queue."""
        return self.queues.get(name, EMPTY_QUEUE)


class Interval(msgspec.Struct, frozen=True, kw_only=True):
    """What happened in one queue between two successive readings."""

    start_s: float
    """Unix seconds."""
    span_s: float
    active: float
    """Running tasks at its start."""
    busy_s: float
    """Slot-seconds that tasks have used, at least: the lower of both ends counts for the whole span."""
    arrivals: float
    """Tasks that became pending, whether new, due or retried: those that left the queue plus its growth."""
    arrived: ByType
    """New tasks among them; empty if some were scheduled for later, which the counters do not tell apart."""
    ended: ByType
    runs: ByType
    run_s: ByType

    @classmethod
    def between(cls, start_s: float, before: QueueReading, end_s: float, after: QueueReading) -> Interval:
        """The interval from one reading of a queue to the next."""
        ended = increase(before.ended, after.ended)
        growth = after.pending + after.active - before.pending - before.active
        arrivals = sum(ended.values()) + growth
        enqueued = increase(before.enqueued, after.enqueued)
        span_s = end_s - start_s
        return cls(
            start_s=start_s,
            span_s=span_s,
            active=before.active,
            busy_s=min(before.active, after.active) * span_s if span_s <= _BLIND_S else 0.0,
            arrivals=arrivals,
            arrived=enqueued if sum(enqueued.values()) <= arrivals * _MISCOUNT else {},
            ended=ended,
            runs=increase(before.runs, after.runs),
            run_s=increase(before.run_s, after.run_s),
        )


def increase(before: Counter, after: Counter) -> dict[str, float]:
    """Increase of counters by type. A counter that is lower than before was reset to zero in between."""
    grown: dict[str, float] = {}
    for labels, total in after.items():
        earlier = before.get(labels, 0.0)
        if total != earlier:
            grown[labels[0]] = grown.get(labels[0], 0.0) + (total - earlier if total > earlier else total)
    return grown


def add_up(parts: Iterable[ByType]) -> dict[str, float]:
    """The sum of numbers by type."""
    total: dict[str, float] = {}
    for part in parts:
        for task_type, number in part.items():
            total[task_type] = total.get(task_type, 0.0) + number
    return total
