from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuecontroller.plan.duration import Durations, estimate_durations, least_age_s
from queuecontroller.plan.reading import Interval, QueueReading

LOOK_S = 5.0


def reading(
    *,
    active: float = 0,
    pending: float = 0,
    runs: dict[str, float],
    run_s: dict[str, float],
    enqueued: dict[str, float] | None = None,
) -> QueueReading:
    return QueueReading(
        active=active,
        pending=pending,
        enqueued={(name,): number for name, number in (enqueued or {}).items()},
        ended={(name, "completed"): number for name, number in runs.items()},
        runs={(name,): number for name, number in runs.items()},
        run_s={(name,): seconds for name, seconds in run_s.items()},
    )


def intervals_of(readings: Sequence[QueueReading]) -> list[Interval]:
    return [
        Interval.between(number * LOOK_S, before, (number + 1) * LOOK_S, after)
        for number, (before, after) in enumerate(pairwise(readings))
    ]


def estimate(*readings: QueueReading) -> Durations:
    intervals = intervals_of(readings)
    return estimate_durations(readings[-1], intervals, intervals[-12:])


def short_tasks(looks: int, *, slots: float, task_s: float) -> list[QueueReading]:
    """Readings of a queue whose slots are always in use."""
    rate = slots / task_s * LOOK_S
    return [
        reading(active=slots, pending=100, runs={"demo": rate * look}, run_s={"demo": rate * look * task_s})
        for look in range(looks)
    ]


def test_duration_is_unknown_when_no_attempt_has_ended() -> None:
    assert estimate(reading(active=3, runs={}, run_s={}), reading(active=3, runs={}, run_s={})) == Durations()


def test_duration_is_the_mean_when_slots_are_in_use_for_as_long() -> None:
    durations = estimate(*short_tasks(30, slots=40, task_s=0.5))

    assert durations.arriving_s == pytest.approx(0.5, rel=0.05)


def test_duration_grows_within_two_looks_when_running_tasks_do_not_end() -> None:
    before = short_tasks(30, slots=40, task_s=0.5)
    totals = before[-1]

    for looks in (1, 2, 4):
        waiting_s = estimate(*before, *[totals] * looks).waiting_s

        assert waiting_s is not None
        assert looks * LOOK_S < waiting_s < 2 * looks * LOOK_S


def test_duration_is_no_longer_when_a_single_task_runs_on() -> None:
    before = short_tasks(30, slots=40, task_s=0.5)
    rate = 39 / 0.5 * LOOK_S
    last = before[-1]
    ended, ran = sum(last.runs.values()), sum(last.run_s.values())
    after = [
        reading(active=40, pending=100, runs={"demo": ended + rate * look}, run_s={"demo": ran + rate * look * 0.5})
        for look in range(1, 12)
    ]

    waiting_s = estimate(*before, *after).waiting_s

    assert waiting_s is not None
    assert waiting_s < 0.6


def test_duration_falls_when_tasks_are_short_again() -> None:
    long = short_tasks(30, slots=40, task_s=20)
    ended, ran = sum(long[-1].runs.values()), sum(long[-1].run_s.values())
    short = [
        reading(active=8, runs={"demo": ended + 80 * look}, run_s={"demo": ran + 40 * look}) for look in range(1, 15)
    ]

    arriving_s = estimate(*long, *short).arriving_s

    assert arriving_s == pytest.approx(0.5, rel=0.1)


def test_duration_of_waiting_tasks_follows_their_types_when_the_mix_changes() -> None:
    runs, run_s = {"mail": 1000.0, "video": 100.0}, {"mail": 100.0, "video": 2000.0}
    before = reading(active=10, runs=runs, run_s=run_s, enqueued={"mail": 1010, "video": 100})
    after = reading(active=10, pending=200, runs=runs, run_s=run_s, enqueued={"mail": 1010, "video": 300})

    durations = estimate(before, after)

    assert durations.waiting_s == pytest.approx(20, rel=0.05)


def test_types_are_unknown_when_tasks_were_scheduled_for_later() -> None:
    before = reading(runs={"mail": 100, "video": 100}, run_s={"mail": 100, "video": 300}, enqueued={"mail": 100})
    after = reading(
        runs={"mail": 100, "video": 100}, run_s={"mail": 100, "video": 300}, enqueued={"mail": 100, "video": 5000}
    )

    assert estimate(before, after).arriving_s == 2.0


def test_age_is_known_when_more_tasks_ran_than_have_ended_since() -> None:
    totals = [0.0, 10.0, 12.0, 13.0]
    readings = [reading(active=4, runs={"demo": total}, run_s={"demo": total}) for total in totals]

    assert least_age_s(intervals_of(readings)) == 2 * LOOK_S


@given(
    st.floats(1, 500),
    st.floats(0.01, 100),
    st.lists(st.floats(0, 1), min_size=1, max_size=20),
)
def test_duration_is_never_below_the_mean_of_ended_attempts(slots: float, task_s: float, shares: list[float]) -> None:
    before = short_tasks(40, slots=slots, task_s=task_s)
    ended, ran = sum(before[-1].runs.values()), sum(before[-1].run_s.values())
    after = [reading(active=slots * share, runs={"demo": ended}, run_s={"demo": ran}) for share in shares]

    arriving_s = estimate(*before, *after).arriving_s

    assert arriving_s is not None
    assert arriving_s >= task_s * (1 - 1e-9)


@given(st.floats(10, 500), st.floats(0.01, 2), st.integers(2, 20))
def test_duration_is_never_more_than_twice_the_age_of_tasks_that_run_on(
    slots: float, task_s: float, looks: int
) -> None:
    before = short_tasks(40, slots=slots, task_s=task_s)

    waiting_s = estimate(*before, *[before[-1]] * looks).waiting_s

    assert waiting_s is not None
    assert waiting_s <= 2 * looks * LOOK_S + 3 * task_s
