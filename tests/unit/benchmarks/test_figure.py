from __future__ import annotations

from typing import Any

import pytest
from benchmarks.report.figure import Collected, ratio, summarise
from benchmarks.report.table import EMPTY_ROUTE, tabulate, tabulate_settings, tabulate_yardsticks

SAMPLES = {
    "memory_per_task": {"taskyard": [300.0], "arq": [450.0]},
    "noop_one_process": {"taskyard": [900.0, 30_000.0, 27_000.0], "dramatiq": [2_900.0, 3_100.0], "rq": [99_000.0]},
    "http_enqueue_single": {"taskyard": [6_000.0], EMPTY_ROUTE: [10_000.0]},
}


def test_summary_has_medians_in_the_order_of_the_figures() -> None:
    summaries = summarise(SAMPLES)

    assert list(summaries) == ["noop_one_process", "memory_per_task", "http_enqueue_single"]
    assert summaries["noop_one_process"]["ours"] == 27_000
    assert summaries["noop_one_process"]["unit"] == "tasks/s"
    assert summaries["noop_one_process"]["range"]["taskyard"] == [900, 30_000]


def test_those_that_may_lose_tasks_are_left_out_where_the_goal_says_so() -> None:
    summary = summarise(SAMPLES)["noop_one_process"]

    assert summary["peers"] == {"dramatiq": 3_000}
    assert summary["left_out"] == {"rq": 99_000}
    assert ratio(summary) == 9


@pytest.mark.parametrize(
    ("ours", "peers", "more_is_better", "expected"),
    [
        (2.0, {"a": 4.0, "b": 3.0}, True, 0.5),
        (2.0, {"a": 4.0, "b": 3.0}, False, 1.5),
        (2.0, {"a": -400.0, "b": 3.0}, False, 1.5),
        (0.0, {"a": 4.0}, False, None),
        (None, {"a": 4.0}, True, None),
        (2.0, {}, True, None),
    ],
)
def test_ratio_compares_with_the_best_that_makes_sense(
    ours: float | None, peers: dict[str, float], more_is_better: bool, expected: float | None
) -> None:
    summary: dict[str, Any] = {"ours": ours, "peers": peers, "more_is_better": more_is_better}

    assert ratio(summary) == expected


def test_figure_without_a_meaning_is_refused() -> None:
    with pytest.raises(KeyError):
        Collected().add("unheard_of", "taskyard", 1.0)


def test_table_has_a_dash_where_a_contender_was_not_measured() -> None:
    table = tabulate(summarise(SAMPLES)).splitlines()

    assert table[0] == "|  | Unit | Taskyard | arq 0.28 | Dramatiq 2.2.1 | RQ 3.0 | Ratio to the best peer |"
    assert table[2] == "| No-op tasks, one worker process | tasks/s | 27,000 | - | 3,000 | 99,000 | 9.00 |"
    assert table[3] == "| Memory per pending task, 100-byte argument | bytes | 300 | 450 | - | - | 1.50 |"
    assert len(table) == 4


def test_yardsticks_have_a_table_of_their_own() -> None:
    table = tabulate_yardsticks(summarise(SAMPLES))

    assert table.splitlines()[2:] == [
        "| HTTP, 64 connections, single tasks | requests/s | 6,000 | 10,000 (empty Litestar route) | 0.60 |"
    ]


def test_settings_mark_contenders_that_may_lose_tasks() -> None:
    table = tabulate_settings(["taskyard", "rq"])

    assert "| Taskyard | at least once |" in table
    assert "| RQ 3.0 | may lose tasks |" in table
