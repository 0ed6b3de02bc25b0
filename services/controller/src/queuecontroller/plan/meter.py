"""Loads from readings: rates and durations out of counters that may start anew."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from itertools import pairwise

import msgspec

from queuecontroller.plan.load import PoolLoad, QueueLoad

RATE_WINDOW_S = 60.0
"""Arrivals are an average over so long, or over the time of a task where that is longer: of long tasks few come."""
DURATION_WINDOW_S = 300.0
"""Durations are those of so long."""
LEAST_SAMPLES = 10
"""With fewer tasks ended within the window, all that were ever measured count."""

Counter = Mapping[tuple[str, ...], float]
"""Labels -> total."""


class QueueReading(msgspec.Struct, frozen=True, kw_only=True):
    """What a queue's metrics said at a moment."""

    pending: float = 0
    active: float = 0
    oldest_pending_s: float = 0
    due: Mapping[float, float] = {}
    """Seconds ahead -> tasks that fall due until then."""
    ended: Counter = {}
    """Attempts ended, by type and outcome."""
    run_s: Counter = {}
    """Seconds that attempts ran, by type."""
    runs: Counter = {}
    """Attempts measured, by type."""
    runs_within: Mapping[float, float] = {}
    """Seconds -> attempts that ran no longer; all types."""


EMPTY_QUEUE = QueueReading()


class Reading(msgspec.Struct, frozen=True):
    """What the metrics of all queues said at a moment."""

    at_s: float
    queues: Mapping[str, QueueReading]

    def queue(self, name: str) -> QueueReading:
        """One queue; an empty one where none was told of."""
        return self.queues.get(name, EMPTY_QUEUE)


class LoadMeter:
    """Turns readings into loads. Keeps those of the last minutes.

    Args:
        queues: the pool's.
        look_ahead_s: within which due tasks count.
        least_span_s: readings that are closer give no rate.
    """

    def __init__(self, queues: tuple[str, ...], look_ahead_s: float, least_span_s: float) -> None:
        self._queues = queues
        self._look_ahead_s = look_ahead_s
        self._least_span_s = least_span_s
        self._readings: deque[Reading] = deque()

    def measure(self, reading: Reading) -> PoolLoad:
        """The load by a new reading; one that is older than the last gives the last one's rates."""
        if not self._readings or reading.at_s > self._readings[-1].at_s:
            self._readings.append(reading)
        while self._readings[0].at_s < reading.at_s - DURATION_WINDOW_S:
            self._readings.popleft()
        return PoolLoad(tuple(self._load(name, reading) for name in self._queues))

    @property
    def last(self) -> Reading | None:
        """The newest reading."""
        return self._readings[-1] if self._readings else None

    def _load(self, name: str, reading: Reading) -> QueueLoad:
        queue = reading.queue(name)
        return QueueLoad(
            pending=queue.pending,
            active=queue.active,
            due_soon=_due_within(queue.due, self._look_ahead_s),
            arrivals_per_s=self._arrivals_per_s(name),
            task_s=self._task_s(name),
            least_task_s=self._least_task_s(name),
            longest_task_s=_longest_task_s(queue.runs_within),
        )

    def _arrivals_per_s(self, name: str) -> float | None:
        """What left the queue and what it grew by: that is what came, be it new, due or tried again."""
        newest = self._readings[-1]
        window_s = max(RATE_WINDOW_S, self._task_s(name) or 0.0)
        recent = [each for each in self._readings if each.at_s >= newest.at_s - window_s]
        span_s = newest.at_s - recent[0].at_s
        if span_s < self._least_span_s or span_s <= 0:
            return None
        queues = [each.queue(name) for each in recent]
        ended = sum(increase(one.ended, next_one.ended) for one, next_one in pairwise(queues))
        growth = queues[-1].pending + queues[-1].active - queues[0].pending - queues[0].active
        return max(0.0, ended + growth) / span_s

    def _task_s(self, name: str) -> float | None:
        queues = [each.queue(name) for each in self._readings]
        pairs = list(pairwise(queues))
        runs = sum(increase(one.runs, next_one.runs) for one, next_one in pairs)
        if runs >= LEAST_SAMPLES:
            return sum(increase(one.run_s, next_one.run_s) for one, next_one in pairs) / runs
        runs = sum(queues[-1].runs.values())
        return sum(queues[-1].run_s.values()) / runs if runs else None

    def _least_task_s(self, name: str) -> float:
        """Slot-seconds spent on a first task that has not ended: the likeliest duration is no less."""
        pairs = pairwise(self._readings)
        return sum(min(one.queue(name).active, 1.0) * (other.at_s - one.at_s) for one, other in pairs)


def increase(before: Counter, after: Counter) -> float:
    """By how much counters grew; one that is less than before has started anew from zero."""
    grown = 0.0
    for labels, total in after.items():
        earlier = before.get(labels, 0.0)
        grown += total - earlier if total >= earlier else total
    return grown


def _due_within(due: Mapping[float, float], seconds: float) -> float:
    """Tasks due within a time, read off the line through those times that are known."""
    points = sorted(due.items())
    if not points:
        return 0.0
    if seconds >= points[-1][0]:
        return points[-1][1]
    left = (0.0, 0.0)
    for right in points:
        if right[0] >= seconds:
            share = (seconds - left[0]) / (right[0] - left[0]) if right[0] > left[0] else 1.0
            return left[1] + share * (right[1] - left[1])
        left = right
    return left[1]


def _longest_task_s(runs_within: Mapping[float, float]) -> float:
    """The bound of the highest bucket that holds a task; infinite while nothing is known."""
    total = max(runs_within.values(), default=0.0)
    return min((bound for bound, runs in runs_within.items() if total and runs >= total), default=math.inf)
