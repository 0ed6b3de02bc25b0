"""Task durations, estimated from the attempts that have ended and from those that still run.

The mean of ended attempts alone is blind to long tasks until they end: a queue whose tasks take a minute instead of a
second looks as before for a minute. The slots in use show it at once: slot-seconds used without attempts that end are
the ages of running tasks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from queuecontroller.plan.reading import ByType, Interval, QueueReading, add_up

MIN_SAMPLES = 10
"""With fewer attempts ended within the window, a mean covers all time. Also the weight of the mean, in attempts,
against what running tasks show: a single one is no evidence."""
ENOUGH_SAMPLES = 1000
"""A mean covers no more of the past than this many attempts: an error of 3 % if durations are exponential."""
NOTABLE_SLOWDOWN = 1.3
"""A smaller factor is within the noise of the samples."""
_SHORTEST_S = 0.001
"""The resolution of measured run times."""


class Durations(msgspec.Struct, frozen=True, kw_only=True):
    """Mean seconds per task of one queue; ``None`` until an attempt has ended."""

    arriving_s: float | None = None
    """Mean of the tasks that arrive now."""
    waiting_s: float | None = None
    """Mean of the pending tasks."""


def estimate_durations(reading: QueueReading, recent: Sequence[Interval], latest: Sequence[Interval]) -> Durations:
    """Estimate the mean durations of tasks now.

    Each type counts with the mean of its ended attempts, in the mix in which types arrive and wait. If slots have been
    in use for longer than that explains, tasks take longer by the same factor.

    Args:
        reading: the newest metrics of the queue.
        recent: the last minutes before it, oldest first.
        latest: the end of ``recent`` over which arrival rates are averaged.
    """
    means = _means_by_type(reading, recent)
    totals = ((sum(each.runs.values()), sum(each.run_s.values())) for each in reversed(recent))
    mean_s = _mean(totals, sum(reading.runs.values()), sum(reading.run_s.values()))
    if mean_s is None:
        return Durations()
    arriving = add_up(each.arrived for each in latest)
    waiting = _find_waiting(recent, reading.pending)
    running_s = _weigh(_find_running(recent, waiting), reading.active, means, mean_s)
    factor = _slowdown(recent, mean_s, running_s)
    arriving_s = _weigh(arriving, MIN_SAMPLES, means, mean_s)
    waiting_s = _weigh(waiting, reading.pending, means, mean_s)
    # What running tasks show is no evidence that tasks of a longer type take longer still.
    return Durations(
        arriving_s=max(arriving_s, min(arriving_s, running_s) * factor),
        waiting_s=max(waiting_s, min(waiting_s, running_s) * factor),
    )


def least_age_s(recent: Sequence[Interval]) -> float:
    """Lower bound of the age of the oldest running task: more tasks ran at a time than attempts have ended since."""
    ended = span_s = age_s = 0.0
    for each in reversed(recent):
        ended += sum(each.ended.values())
        span_s += each.span_s
        if each.active > ended:
            age_s = span_s
    return age_s


def _means_by_type(reading: QueueReading, recent: Sequence[Interval]) -> ByType:
    means = {}
    for labels, runs in reading.runs.items():
        name, run_s = labels[0], reading.run_s.get(labels, 0.0)
        series = ((each.runs.get(name, 0.0), each.run_s.get(name, 0.0)) for each in reversed(recent))
        mean_s = _mean(series, runs, run_s)
        if mean_s is not None:
            means[name] = mean_s
    return means


def _mean(newest_first: Iterable[tuple[float, float]], all_runs: float, all_run_s: float) -> float | None:
    """Mean seconds of the newest attempts, or of all if those are few.

    Args:
        newest_first: attempts and their seconds in the intervals of the window.
        all_runs: attempts of all time.
        all_run_s: their seconds.
    """
    runs = run_s = 0.0
    for number, seconds in newest_first:
        runs, run_s = runs + number, run_s + seconds
        if runs >= ENOUGH_SAMPLES:
            break
    if runs < MIN_SAMPLES:
        runs, run_s = all_runs, all_run_s
    return max(run_s / runs, _SHORTEST_S) if runs > 0 else None


def _find_waiting(recent: Sequence[Interval], pending: float) -> ByType:
    """Pending tasks by type: workers take the oldest first, so that those which wait are the newest."""
    waiting: dict[str, float] = {}
    missing = pending
    for each in reversed(recent):
        arrived = sum(each.arrived.values())
        share = min(1.0, missing / arrived) if arrived else 0.0
        for name, number in each.arrived.items():
            waiting[name] = waiting.get(name, 0.0) + number * share
        missing -= arrived
        if missing <= 0:
            break
    return waiting


def _find_running(recent: Sequence[Interval], waiting: ByType) -> ByType:
    """Running tasks by type, at least: those that have arrived since some moment, and neither ended nor wait."""
    surplus: dict[str, float] = {}
    running: dict[str, float] = {}
    for each in reversed(recent):
        for name in each.arrived.keys() | each.ended.keys():
            surplus[name] = surplus.get(name, 0.0) + each.arrived.get(name, 0.0) - each.ended.get(name, 0.0)
            running[name] = max(running.get(name, 0.0), surplus[name] - waiting.get(name, 0.0))
    return running


def _weigh(mix: ByType, number: float, means: ByType, mean_s: float) -> float:
    """Mean seconds of ``number`` tasks; those that are not in ``mix`` count with the mean of all types."""
    known = sum(mix.values())
    others = max(0.0, number - known)
    if known + others <= 0:
        return mean_s
    known_s = sum(tasks * means.get(name, mean_s) for name, tasks in mix.items())
    return (known_s + others * mean_s) / (known + others)


def _slowdown(recent: Sequence[Interval], mean_s: float, running_s: float) -> float:
    """Factor by which running tasks take longer than their mean; at least 1.

    Over any time up to now, slots were in use for the run times of the attempts that ended, and for the ages of those
    that still run: half of their duration on average. The period with the greatest factor counts, because a short one
    shows a change first.
    """
    factor = 1.0
    used_s = explained_s = span_s = 0.0
    prior_s = MIN_SAMPLES * mean_s
    for each in reversed(recent):
        used_s += each.busy_s
        unmeasured = max(0.0, sum(each.ended.values()) - sum(each.runs.values()))
        explained_s += sum(each.run_s.values()) + unmeasured * mean_s
        span_s += each.span_s
        running = used_s / span_s
        factor = max(factor, (used_s + prior_s) / (explained_s + running * running_s / 2 + prior_s))
    return factor if factor >= NOTABLE_SLOWDOWN else 1.0
