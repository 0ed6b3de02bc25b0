"""Load meter: arrival rates and task durations from successive readings of counters, which may be reset."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping

from queuecontroller.plan.duration import estimate_durations, least_age_s
from queuecontroller.plan.load import PoolLoad, QueueLoad
from queuecontroller.plan.reading import Interval, QueueReading, Reading

RATE_WINDOW_S = 60.0
"""Averaging window of arrival rates; longer for tasks that take longer, because few of those arrive."""
SUSTAINED = 3
"""A rate above the average counts if this many readings in a row show it."""
DURATION_WINDOW_S = 300.0
"""Averaging window of task durations."""


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
        self._last: Reading | None = None
        self._intervals: dict[str, deque[Interval]] = {name: deque() for name in queues}

    def measure(self, reading: Reading) -> PoolLoad:
        """The load at a new reading; a reading no newer than the last one leaves rates unchanged."""
        if self._last is None:
            self._last = reading
        elif reading.at_s > self._last.at_s:
            for name, intervals in self._intervals.items():
                intervals.append(
                    Interval.between(self._last.at_s, self._last.queue(name), reading.at_s, reading.queue(name))
                )
                while intervals and intervals[0].start_s < reading.at_s - DURATION_WINDOW_S:
                    intervals.popleft()
            self._last = reading
        return PoolLoad(tuple(self._load(name, reading.queue(name)) for name in self._queues))

    @property
    def last(self) -> Reading | None:
        """The newest reading."""
        return self._last

    def _load(self, name: str, queue: QueueReading) -> QueueLoad:
        recent = list(self._intervals[name])
        durations = estimate_durations(queue, recent, _end_of(recent, RATE_WINDOW_S))
        latest = _end_of(recent, max(RATE_WINDOW_S, durations.arriving_s or 0.0))
        return QueueLoad(
            pending=queue.pending,
            active=queue.active,
            due_soon=_due_within(queue.due, self._look_ahead_s),
            oldest_pending_s=queue.oldest_pending_s,
            arrivals_per_s=self._arrivals_per_s(latest),
            task_s=durations.arriving_s,
            waiting_task_s=durations.waiting_s,
            least_task_s=sum(min(each.active, 1.0) * each.span_s for each in recent),
            longest_task_s=_longest_task_s(queue, recent),
        )

    def _arrivals_per_s(self, latest: list[Interval]) -> float | None:
        span_s = sum(each.span_s for each in latest)
        if span_s < self._min_span_s or span_s <= 0:
            return None
        return max(0.0, sum(each.arrivals for each in latest) / span_s, _sustained_rate(latest))


def _sustained_rate(latest: list[Interval]) -> float:
    """Arrivals per second that each of the last readings shows, at least; a batch that arrives at once is no rate."""
    if len(latest) < SUSTAINED:
        return 0.0
    counts = ((max(0.0, each.arrivals), each.span_s) for each in latest[-SUSTAINED:])
    # Two standard deviations less: noise is no rise.
    return min((number - 2 * math.sqrt(number)) / span_s for number, span_s in counts)


def _end_of(recent: list[Interval], window_s: float) -> list[Interval]:
    """The intervals of ``recent`` within its last seconds."""
    start_s = recent[-1].start_s + recent[-1].span_s - window_s if recent else 0.0
    return [each for each in recent if each.start_s >= start_s]


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


def _longest_task_s(queue: QueueReading, recent: list[Interval]) -> float:
    """Upper bound of the seconds per task, from ended and running attempts; infinite if a type has never ended one."""
    ended = {labels[0] for labels, runs in queue.runs.items() if runs > 0}
    if any(number > 0 and labels[0] not in ended for labels, number in queue.enqueued.items()):
        return math.inf
    total = max(queue.runs_within.values(), default=0.0)
    longest_s = min((bound for bound, runs in queue.runs_within.items() if total and runs >= total), default=math.inf)
    # A running task takes as long again as it has run, on average.
    return max(longest_s, 2 * least_age_s(recent))
