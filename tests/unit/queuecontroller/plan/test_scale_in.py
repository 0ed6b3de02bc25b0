from __future__ import annotations

import math
from typing import Any

import pytest

from queuecontroller.plan.scale_in import Pod, find_removable, mark, may_drain, unmark


def pod(name: str, running: int | None = 0, *, ready: bool = True, cost: str | None = None) -> Pod:
    return Pod(name=name, ready=ready, running=running, cost=cost)


def removable(*pods: Pod, drain: bool = False) -> list[str]:
    return [each.name for each in find_removable(pods, drain=drain)]


def test_only_idle_pods_may_go_when_busy_ones_are_spared() -> None:
    assert removable(pod("busy", 3), pod("idle"), pod("unknown", None)) == ["idle"]


def test_pods_that_are_not_ready_go_first_when_they_run_nothing() -> None:
    assert removable(pod("idle"), pod("starting", None, ready=False)) == ["starting", "idle"]


def test_no_pod_may_go_when_a_busy_one_is_not_ready() -> None:
    assert removable(pod("idle"), pod("failing", 2, ready=False)) == []


def test_pods_with_the_fewest_tasks_go_first_when_busy_ones_may_go() -> None:
    pods = [pod("many", 9), pod("few", 1), pod("unknown", None), pod("idle")]

    assert removable(*pods, drain=True) == ["idle", "few", "many", "unknown"]


@pytest.mark.parametrize(
    ("mode", "longest_task_s", "expected"),
    [
        ("Auto", 15, True),
        ("Auto", 16, False),
        ("Auto", math.inf, False),
        ("Always", 0.1, False),
        ("Never", math.inf, True),
    ],
)
def test_busy_pods_may_go_when_the_mode_or_the_grace_allows_it(mode: Any, longest_task_s: float, expected: Any) -> None:
    assert may_drain(mode, longest_task_s, [pod("a", 1)]) is expected


def test_marks_are_in_the_order_of_going() -> None:
    costs = mark([pod("first"), pod("second")])

    assert int(costs["first"]) < int(costs["second"]) < 0


def test_marks_of_others_are_left_alone_when_ours_are_taken_away() -> None:
    ours = mark([pod("a"), pod("b")])
    pods = [
        pod("a", cost=ours["a"]),
        pod("b", cost=ours["b"]),
        pod("c", cost="-5"),
        pod("d", cost="cheap"),
        pod("e"),
    ]

    assert unmark(pods, victims=["b"]) == ["a"]
