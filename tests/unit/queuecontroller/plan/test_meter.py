from __future__ import annotations

import math
from typing import Any

import pytest

from queuecontroller.plan.load import QueueLoad
from queuecontroller.plan.meter import LoadMeter
from queuecontroller.plan.reading import QueueReading, Reading, increase

START_S = 1_800_000_000.0


def measure(*readings: tuple[float, QueueReading], look_ahead_s: float = 60) -> QueueLoad:
    meter = LoadMeter(("default",), look_ahead_s, min_span_s=5)
    for at_s, queue in readings:
        load = meter.measure(Reading(START_S + at_s, {"default": queue}))
    return load.queues[0]


def ended(number: float, seconds: float = 0, **changes: Any) -> QueueReading:
    return QueueReading(
        ended={("demo", "completed"): number}, runs={("demo",): number}, run_s={("demo",): seconds}, **changes
    )


def test_load_has_no_rate_when_there_is_one_reading() -> None:
    assert measure((0, ended(100))).arrivals_per_s is None


def test_load_has_no_rate_when_readings_are_too_close() -> None:
    assert measure((0, ended(100)), (2, ended(200))).arrivals_per_s is None


def test_arrivals_are_ended_tasks_plus_growth_of_the_queue() -> None:
    load = measure((0, ended(100, pending=5, active=1)), (10, ended(160, pending=40, active=6)))

    assert load.arrivals_per_s == pytest.approx((60 + 40) / 10)


def test_arrivals_are_not_negative_when_tasks_were_deleted() -> None:
    assert measure((0, ended(100, pending=5000)), (10, ended(110))).arrivals_per_s == 0


def test_arrivals_are_correct_when_counters_are_reset() -> None:
    load = measure((0, ended(1000)), (10, ended(1050)), (20, ended(50)), (30, ended(100)))

    assert load.arrivals_per_s == pytest.approx(150 / 30)


def test_arrivals_ignore_readings_when_they_are_older_than_a_minute() -> None:
    readings = [(at, ended(min(at, 60) * 10, at * 0.1)) for at in range(0, 190, 10)]

    assert measure(*readings).arrivals_per_s == 0


def test_arrivals_are_averaged_over_the_task_duration_when_tasks_are_long() -> None:
    readings = [(at, ended(at / 10, at * 20)) for at in range(0, 190, 10)]
    quiet = (240, ended(18, 180 * 20))

    # 200 s a task: the 14 tasks of the last 200 s count, though none ended in the last minute.
    assert measure(*readings, quiet).arrivals_per_s == pytest.approx(14 / 200)


def test_load_has_no_rate_when_metrics_were_missing_for_long() -> None:
    load = measure((0, ended(100)), (5, ended(150)), (600, ended(200, active=4)))

    assert (load.arrivals_per_s, load.active) == (None, 4)


def test_duration_ignores_slots_in_use_when_metrics_were_missing_in_between() -> None:
    readings = [(at, ended(at, at, active=1)) for at in range(0, 60, 5)]
    after_a_gap = (200, ended(60, 60, active=50))

    assert measure(*readings, (60, ended(60, 60, active=50)), after_a_gap).task_s == pytest.approx(1, rel=0.05)


def test_arrivals_follow_a_rising_rate_when_three_readings_show_it() -> None:
    totals = [*range(0, 600, 50), 600, 1600, 2600, 3600]
    readings = [(5.0 * number, ended(total, total)) for number, total in enumerate(totals)]

    assert measure(*readings[:-1]).arrivals_per_s == pytest.approx(2500 / 60, rel=0.02)
    assert measure(*readings).arrivals_per_s == pytest.approx(200, rel=0.1)


def test_duration_covers_the_last_minutes_when_enough_tasks_ended() -> None:
    assert measure((0, ended(1000, 9000)), (10, ended(1020, 9040))).task_s == pytest.approx(2)


def test_duration_covers_all_time_when_few_tasks_ended() -> None:
    assert measure((0, ended(1000, 9000)), (10, ended(1001, 9002))).task_s == pytest.approx(9002 / 1001)


def test_duration_is_unknown_when_no_task_has_ever_ended() -> None:
    load = measure((0, QueueReading(active=3)), (10, QueueReading(active=3)), (30, QueueReading(active=3)))

    assert load.task_s is None
    assert load.least_task_s == pytest.approx(30)


@pytest.mark.parametrize(("look_ahead_s", "expected"), [(0, 4), (30, 7), (60, 10), (180, 40), (300, 70), (900, 70)])
def test_due_tasks_are_interpolated_when_the_look_ahead_is_between_windows(look_ahead_s: float, expected: Any) -> None:
    queue = QueueReading(due={0.0: 4, 60.0: 10, 300.0: 70})

    assert measure((0, queue), look_ahead_s=look_ahead_s).due_soon == pytest.approx(expected)


@pytest.mark.parametrize(
    ("within", "expected"),
    [
        ({}, math.inf),
        ({1.0: 0, 10.0: 0, math.inf: 0}, math.inf),
        ({1.0: 5, 10.0: 5, math.inf: 5}, 1),
        ({1.0: 5, 10.0: 6, math.inf: 6}, 10),
        ({1.0: 5, 10.0: 6, math.inf: 7}, math.inf),
    ],
)
def test_longest_task_is_the_bound_of_the_last_used_bucket(within: dict[float, float], expected: Any) -> None:
    assert measure((0, QueueReading(runs_within=within))).longest_task_s == expected


def test_longest_task_is_unbounded_when_a_type_has_never_ended() -> None:
    queue = QueueReading(runs={("mail",): 5}, enqueued={("mail",): 5, ("video",): 1}, runs_within={1.0: 5, math.inf: 5})

    assert measure((0, queue)).longest_task_s == math.inf


def test_longest_task_is_twice_the_known_age_when_tasks_run_on() -> None:
    within = {1.0: 100.0, math.inf: 100.0}
    readings = [(at, ended(100, 50, active=3, runs_within=within)) for at in range(0, 50, 10)]

    assert measure(*readings).longest_task_s == 80


def test_increase_counts_from_zero_when_a_series_is_new() -> None:
    assert increase({("a", "completed"): 5.0}, {("a", "completed"): 7.0, ("b", "lost"): 3.0}) == {"a": 2.0, "b": 3.0}


def test_load_of_a_queue_is_empty_when_it_has_no_samples() -> None:
    meter = LoadMeter(("default", "rare"), 60, min_span_s=5)

    load = meter.measure(Reading(START_S, {"default": QueueReading(pending=2)}))

    assert (load.pending, load.queues[1].pending) == (2, 0)
