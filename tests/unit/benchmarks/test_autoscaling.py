from __future__ import annotations

import pytest
from benchmarks.autoscaling.policy import HpaOnDepth, KedaList, Taskyard
from benchmarks.autoscaling.report import TracedResults, tabulate
from benchmarks.autoscaling.result import Result, find_misses
from benchmarks.autoscaling.simulation import Policy, Simulation, Trace
from benchmarks.autoscaling.trace import cron_spike, long_tasks


@pytest.mark.parametrize("trace", [cron_spike(0), long_tasks(0)], ids=lambda trace: trace.name)
def test_simulation_interrupts_and_loses_no_task_when_the_planner_decides(trace: Trace) -> None:
    simulation = Simulation(trace, Taskyard(trace.slots, trace.utilization)).run()

    assert simulation.interrupted == 0
    assert simulation.ended == len(trace.tasks)


@pytest.mark.parametrize("policy", [HpaOnDepth(), KedaList()], ids=lambda policy: policy.name)
def test_simulation_interrupts_running_tasks_when_the_policy_selects_no_pods(policy: Policy) -> None:
    assert Simulation(long_tasks(0), policy).run().interrupted > 0


def test_table_names_a_trace_once_and_notes_unfinished_tasks() -> None:
    results = [Result("a", 0, 1.234, 2, 3456, 0, 1, 0), Result("b", 0, 2, 3, 4, 5, 6, 7)]

    table = tabulate([TracedResults(cron_spike(0), results)])

    assert "| cron | a | 0.00 | 1.23 | 2 | 3,456 | 0 | 1 |" in table
    assert "|  | b | 0.00 | 2.00 | 3 | 4 | 5 | 6 |" in table
    assert "On `cron`, b left 7 tasks unfinished" in table


OURS = Result("ours", 0, 2, 0, 900, 0, 0, 0)


@pytest.mark.parametrize(
    ("ours", "missed"),
    [
        (OURS, []),
        (OURS._replace(p99_wait_s=2.1), ["p99 wait 2.10 s, quick has 2.00 s"]),
        (OURS._replace(replica_s=901), ["901 replica-seconds, quick has 900"]),
        (OURS._replace(interrupted=1), ["1 tasks interrupted"]),
        (OURS._replace(unfinished=3), ["3 tasks not ended"]),
    ],
)
def test_goal_is_missed_when_another_policy_is_better(ours: Result, missed: list[str]) -> None:
    quick, cheap = Result("quick", 0, 2, 0, 900, 9, 0, 0), Result("cheap", 0, 9, 0, 100, 0, 0, 0)

    assert find_misses(ours, [cheap, quick]) == missed
