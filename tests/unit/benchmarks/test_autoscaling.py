from __future__ import annotations

import pytest
from benchmarks.autoscaling.__main__ import measure, simulate
from benchmarks.autoscaling.policy import HpaOnDepth, KedaList, Taskyard
from benchmarks.autoscaling.report import TracedResults, tabulate
from benchmarks.autoscaling.result import Result, find_misses
from benchmarks.autoscaling.simulation import Policy, Simulation, Task, Trace
from benchmarks.autoscaling.trace import cron_spike, long_batch, long_tasks


@pytest.mark.parametrize("trace", [cron_spike(0), long_tasks(0)], ids=lambda trace: trace.name)
def test_simulation_interrupts_and_loses_no_task_when_the_planner_decides(trace: Trace) -> None:
    simulation = Simulation(trace, Taskyard(trace)).run()

    assert simulation.interrupted == 0
    assert simulation.ended == len(trace.tasks)


def test_planner_meets_its_goal_when_a_batch_takes_sixty_times_as_long() -> None:
    ours, *others = [measure(simulation) for simulation in simulate(long_batch(0))]

    assert find_misses(ours, others) == []


def test_simulation_retries_attempts_when_they_hang() -> None:
    trace = Trace("hang", "a task that hangs once", 10, 0.0, [Task(0.0, 1.0, hangs_until=10.0)])

    simulation = Simulation(trace, HpaOnDepth()).run()

    assert (simulation.ended, dict(simulation.ended_by_type)) == (1, {"demo": 2})
    assert dict(simulation.run_s_by_type) == {"demo": 21.0}


def test_metrics_are_those_of_the_last_scrape_when_a_trace_has_scrapes() -> None:
    trace = Trace("late", "", 10, 100.0, [Task(1.0, 1.0)], scrape_s=30.0)
    seen = []

    class Watching(HpaOnDepth):
        def decide(self, simulation: Simulation) -> int:
            seen.append(simulation.read_metrics().at_s)
            return super().decide(simulation)

    Simulation(trace, Watching()).run()

    assert set(seen) <= {0.0, 30.0, 60.0, 90.0}
    assert len(set(seen)) > 1


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
