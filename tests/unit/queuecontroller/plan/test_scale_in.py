from __future__ import annotations

import math
from typing import Any

import pytest

from queuecontroller.plan.scale_in import Pod, assign_deletion_costs, find_removable, find_stale_marks, may_drain


def pod(name: str, running: int | None = 0, *, ready: bool = True, cost: str | None = None) -> Pod:
    return Pod(name=name, ready=ready, running=running, cost=cost)


def removable(*pods: Pod, drain: bool = False) -> list[str]:
    return [each.name for each in find_removable(pods, drain=drain)]


def test_only_idle_pods_are_removable_when_busy_ones_are_protected() -> None:
    assert removable(pod("busy", 3), pod("idle"), pod("unknown", None)) == ["idle"]


def test_unready_pods_are_first_when_they_run_nothing() -> None:
    assert removable(pod("idle"), pod("starting", None, ready=False)) == ["starting", "idle"]


def test_no_pod_is_removable_when_a_busy_one_is_not_ready() -> None:
    assert removable(pod("idle"), pod("failing", 2, ready=False)) == []


def test_pods_with_the_fewest_tasks_are_first_when_busy_ones_are_removable() -> None:
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
def test_busy_pods_may_drain_when_the_mode_or_the_grace_period_allows_it(
    mode: Any, longest_task_s: float, expected: Any
) -> None:
    assert may_drain(mode, longest_task_s, [pod("a", 1)]) is expected


def test_deletion_costs_are_in_the_order_of_removal() -> None:
    costs = assign_deletion_costs([pod("first"), pod("second")])

    assert int(costs["first"]) < int(costs["second"]) < 0


def test_deletion_costs_of_other_tools_are_not_stale_marks() -> None:
    ours = assign_deletion_costs([pod("a"), pod("b")])
    pods = [
        pod("a", cost=ours["a"]),
        pod("b", cost=ours["b"]),
        pod("c", cost="-5"),
        pod("d", cost="cheap"),
        pod("e"),
    ]

    assert find_stale_marks(pods, selected=["b"]) == ["a"]
