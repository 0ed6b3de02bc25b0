"""Load meter: arrival rates and task durations from successive readings of counters, which may be reset."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from itertools import pairwise

import msgspec

from queuecontroller.plan.load import PoolLoad, QueueLoad

RATE_WINDOW_S = 60.0
"""Averaging window of arrival rates; longer for tasks that take longer, because few of those arrive."""
DURATION_WINDOW_S = 300.0
"""Averaging window of task durations."""
MIN_SAMPLES = 10
"""With fewer tasks ended within the window, the duration is averaged over all time."""

Counter = Mapping[tuple[str, ...], float]
"""Label values -> total."""


class QueueReading(msgspec.Struct, frozen=True, kw_only=True):
    """The metrics of one queue at one time."""

    pending: float = 0
    active: float = 0
    oldest_pending_s: float = 0
    due: Mapping[float, float] = {}
    """Seconds ahead -> tasks due within that time."""
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


class LoadMeter:
    """Turns readings into loads. Remembers the readings of the last minutes.

    Args:
        queues: the pool's queues.
        look_ahead_s: scheduled tasks due within this time count as backlog, in seconds.
        min_span_s: shortest time between two readings that gives a rate, in seconds.
    """

    def __init__(self, queues: tuple[str, ...], look_ahead_s: float, min_span_s: float) -> None:
        self._queues = queues
        self._look_ahead_s = look_ahead_s
        self._min_span_s = min_span_s
        self._readings: deque[Reading] = deque()

    def measure(self, reading: Reading) -> PoolLoad:
        """The load at a new reading; a reading no newer than the last one leaves rates unchanged."""
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
        """Arrivals, whether new, due or retried: tasks that left the queue plus the growth of the queue."""
        newest = self._readings[-1]
        window_s = max(RATE_WINDOW_S, self._task_s(name) or 0.0)
        recent = [each for each in self._readings if each.at_s >= newest.at_s - window_s]
        span_s = newest.at_s - recent[0].at_s
        if span_s < self._min_span_s or span_s <= 0:
            return None
        queues = [each.queue(name) for each in recent]
        ended = sum(increase(one.ended, next_one.ended) for one, next_one in pairwise(queues))
        growth = queues[-1].pending + queues[-1].active - queues[0].pending - queues[0].active
        return max(0.0, ended + growth) / span_s

    def _task_s(self, name: str) -> float | None:
        queues = [each.queue(name) for each in self._readings]
        pairs = list(pairwise(queues))
        runs = sum(increase(one.runs, next_one.runs) for one, next_one in pairs)
        if runs >= MIN_SAMPLES:
            return sum(increase(one.run_s, next_one.run_s) for one, next_one in pairs) / runs
        runs = sum(queues[-1].runs.values())
        return sum(queues[-1].run_s.values()) / runs if runs else None

    def _least_task_s(self, name: str) -> float:
        """Seconds that one slot has been busy without a task ending: a lower bound of the duration."""
        pairs = pairwise(self._readings)
        return sum(min(one.queue(name).active, 1.0) * (other.at_s - one.at_s) for one, other in pairs)


def increase(before: Counter, after: Counter) -> float:
    """Increase of counters. A counter that is lower than before was reset to zero in between."""
    grown = 0.0
    for labels, total in after.items():
        earlier = before.get(labels, 0.0)
        grown += total - earlier if total >= earlier else total
    return grown


def _due_within(due: Mapping[float, float], seconds: float) -> float:
    """Tasks due within ``seconds``, by linear interpolation between the known times."""
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
    """The upper bound of the highest bucket that holds a task; infinite without tasks."""
    total = max(runs_within.values(), default=0.0)
    return min((bound for bound, runs in runs_within.items() if total and runs >= total), default=math.inf)
