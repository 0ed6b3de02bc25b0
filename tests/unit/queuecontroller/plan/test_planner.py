from __future__ import annotations

import msgspec
import pytest

from queuecontroller.plan.decision import Decision
from queuecontroller.plan.history import History, Recommendation
from queuecontroller.plan.load import PoolLoad, QueueLoad
from queuecontroller.plan.planner import hold, limit_scale_in, pause, plan
from queuecontroller.plan.spec import PoolSpec
from tests.unit.queuecontroller.plan.pools import START_S, TICK_S, load, pool_spec, rules, run

NEW = History()


def decide(spec: PoolSpec, what: PoolLoad, current: int, history: History = NEW, now_s: float = START_S) -> Decision:
    return plan(spec, what, current, history, now_s)


def test_plan_follows_littles_law_when_a_drain_target_is_set() -> None:
    spec = pool_spec(target={"drain": "30s", "utilization": 100}, behavior=rules())

    decision = decide(spec, load(pending=600, arrivals_per_s=40, task_s=2), 1)

    # 40/s x 2 s keep 80 slots busy; 600 x 2 s within 30 s want 40 more.
    assert decision.demand is not None
    assert decision.demand.slots == pytest.approx(120)
    assert decision.desired == 12
    assert decision.reason == "DrainTarget"


def test_plan_adds_headroom_when_a_utilization_is_set() -> None:
    spec = pool_spec(target={"drain": "30s", "utilization": 50}, behavior=rules())

    assert decide(spec, load(arrivals_per_s=40, task_s=2), 1).desired == 16


def test_plan_follows_the_depth_when_that_target_wants_more() -> None:
    spec = pool_spec(target={"drain": "30s", "tasksPerReplica": 20}, behavior=rules())

    decision = decide(spec, load(pending=600, task_s=0.01), 1)

    assert (decision.desired, decision.reason) == (30, "DepthTarget")


def test_plan_ignores_durations_when_only_a_depth_is_set() -> None:
    spec = pool_spec(target={"tasksPerReplica": 100}, behavior=rules())

    assert decide(spec, load(pending=250, task_s=1000, arrivals_per_s=9), 1).desired == 3


def test_plan_asks_for_no_more_slots_than_tasks_when_tasks_are_long() -> None:
    spec = pool_spec(behavior=rules())

    assert decide(spec, load(pending=40, task_s=3600), 1).desired == 4


def test_plan_counts_due_tasks_when_they_are_within_the_look_ahead() -> None:
    spec = pool_spec(target={"tasksPerReplica": 10}, behavior=rules())

    assert decide(spec, load(pending=10, due_soon=40), 1).desired == 5


def test_plan_keeps_what_running_tasks_need_when_nothing_waits() -> None:
    spec = pool_spec(behavior=rules())

    decision = decide(spec, load(active=35), 20)

    assert (decision.desired, decision.reason) == (4, "RunningTasks")


def test_plan_adds_up_queues_when_the_pool_serves_several() -> None:
    spec = pool_spec(target={"drain": "30s", "utilization": 100}, behavior=rules())
    slow = QueueLoad(arrivals_per_s=2, task_s=10)
    fast = QueueLoad(arrivals_per_s=100, task_s=0.1)

    assert decide(spec, PoolLoad((slow, fast)), 1).desired == 3


def test_plan_assumes_a_duration_when_none_was_measured() -> None:
    spec = pool_spec(target={"drain": "10s", "assumedTaskDuration": "2s"}, behavior=rules())

    assert decide(spec, load(pending=100, task_s=None), 1).desired == 2


def test_plan_counts_due_tasks_once_when_they_arrive_at_the_present_rate() -> None:
    spec = pool_spec(target={"drain": "2s", "utilization": 100}, lookAhead="30s", behavior=rules())
    retries = {"arrivals_per_s": 10, "active": 20, "task_s": 2}

    assert decide(spec, load(due_soon=300, **retries), 2).desired == 2
    assert decide(spec, load(due_soon=320, **retries), 2).desired == 4


def test_plan_uses_the_duration_of_the_waiting_tasks_when_it_differs() -> None:
    spec = pool_spec(target={"drain": "30s", "utilization": 100}, behavior=rules())

    assert decide(spec, load(pending=600, task_s=0.1, waiting_task_s=2), 1).desired == 4


def test_plan_doubles_at_most_when_the_oldest_task_has_waited_too_long() -> None:
    spec = pool_spec(behavior=rules(), lookAhead="30s")
    stuck = load(pending=400, active=20, task_s=0.01, oldest_pending_s=300)

    decision = decide(spec, stuck, 2)

    assert (decision.desired, decision.reason) == (4, "OldestTask")
    # Every tick is 10 s: the next pods wait until the last ones had time to start.
    assert run(spec, [stuck] * 9, 2) == [4, 4, 4, 8, 8, 8, 16, 16, 16]


@pytest.mark.parametrize(
    "why",
    [
        {"active": 0},
        {"pending": 2},
        {"oldest_pending_s": 32},
    ],
    ids=["nothing-runs", "nothing-to-fill", "within-tolerance"],
)
def test_plan_adds_no_pods_for_an_old_task_when_they_would_not_help(why: dict[str, int]) -> None:
    spec = pool_spec(behavior=rules())
    stuck: dict[str, float] = {"pending": 400, "active": 10, "task_s": 0.01, "oldest_pending_s": 300}

    assert decide(spec, load(**stuck | why), 2).desired <= 2


@pytest.mark.parametrize("pending", [0, 1_000_000])
def test_plan_stays_within_the_bounds_when_the_need_does_not(pending: int) -> None:
    spec = pool_spec(minReplicas=3, maxReplicas=8, behavior=rules())

    decision = decide(spec, load(pending=pending), 5)

    assert decision.desired == (8 if pending else 3)
    assert decision.limited_by == (("MaxReplicas",) if pending else ("MinReplicas",))


@pytest.mark.parametrize(("current", "expected"), [(20, 8), (0, 3)])
def test_plan_adopts_edited_bounds_at_once_when_the_steps_are_small(current: int, expected: int) -> None:
    narrow = {"policies": [{"type": "Pods", "value": 1, "period": "1m"}], "stabilizationWindow": "10m"}
    spec = pool_spec(minReplicas=3, maxReplicas=8, behavior={"scaleUp": narrow, "scaleDown": narrow})

    assert decide(spec, load(), current).desired == expected


def test_plan_changes_nothing_when_the_need_is_within_tolerance() -> None:
    spec = pool_spec(tolerance=0.2, behavior=rules())

    decision = decide(spec, load(pending=3300), 10)

    assert (decision.desired, decision.reason) == (10, "WithinTolerance")
    assert decide(spec, load(pending=3300), 9).desired == 11


def test_plan_does_not_shrink_when_rates_are_unknown() -> None:
    spec = pool_spec(behavior=rules())
    unknown = load(arrivals_per_s=None)

    decision = decide(spec, unknown, 5)

    assert (decision.desired, decision.limited_by) == (5, ("RatesUnknown",))
    assert decide(spec, load(arrivals_per_s=None, pending=3000), 5).desired == 10


def test_plan_goes_to_zero_when_idle_for_long_enough() -> None:
    spec = pool_spec(idleAfter="1m", behavior=rules())

    assert run(spec, [load()] * 8, 3) == [1, 1, 1, 1, 1, 1, 0, 0]


def test_plan_keeps_the_last_pod_when_idle_was_interrupted() -> None:
    spec = pool_spec(idleAfter="1m", behavior=rules())
    loads = [load()] * 5 + [load(active=1)] + [load()] * 6

    assert run(spec, loads, 1) == [1] * 12


def test_plan_keeps_the_minimum_when_idle_for_ever() -> None:
    assert run(pool_spec(minReplicas=2, behavior=rules(), idleAfter="0s"), [load()] * 50, 2) == [2] * 50


@pytest.mark.parametrize("waiting", [{"pending": 1}, {"due_soon": 1}])
def test_plan_leaves_zero_at_once_when_a_task_arrives(waiting: dict[str, int]) -> None:
    slow = {"scaleUp": {"stabilizationWindow": "10m", "policies": [{"type": "Percent", "value": 10, "period": "1m"}]}}
    spec = pool_spec(behavior=slow)

    assert run(spec, [load(), load(), load(**waiting)], 0) == [0, 0, 1]


def test_plan_stays_at_zero_when_there_is_nothing_to_do() -> None:
    assert run(pool_spec(), [load()] * 10, 0) == [0] * 10


def test_plan_waits_for_the_window_when_the_need_falls() -> None:
    spec = pool_spec(behavior=rules(scaleDown={"stabilizationWindow": "1m"}))
    loads = [load(pending=3000)] * 2 + [load(pending=300)] * 9

    assert run(spec, loads, 10) == [10, 10, 10, 10, 10, 10, 10, 1, 1, 1, 1]


def test_plan_waits_for_the_window_when_the_need_rises() -> None:
    spec = pool_spec(behavior=rules(scaleUp={"stabilizationWindow": "30s"}))
    loads = [load(pending=300)] + [load(pending=3000)] * 5

    assert run(spec, loads, 1) == [1, 1, 1, 10, 10, 10]


@pytest.mark.parametrize(
    ("select", "expected"),
    [("Max", [12, 12, 24, 24]), ("Min", [4, 4, 8, 8]), ("Disabled", [2, 2, 2, 2])],
)
def test_plan_grows_by_the_selected_policy_when_several_limit_it(select: str, expected: list[int]) -> None:
    policies = [{"type": "Percent", "value": 100, "period": "15s"}, {"type": "Pods", "value": 10, "period": "15s"}]
    spec = pool_spec(behavior=rules(scaleUp={"policies": policies, "selectPolicy": select}))

    assert run(spec, [load(pending=9000)] * 4, 2) == expected


def test_plan_shrinks_by_its_policies_when_the_need_falls() -> None:
    policies = [{"type": "Pods", "value": 2, "period": "20s"}, {"type": "Percent", "value": 10, "period": "20s"}]
    spec = pool_spec(minReplicas=1, behavior=rules(scaleDown={"policies": policies}))

    assert run(spec, [load()] * 6, 20) == [18, 18, 16, 16, 14, 14]


def test_plan_counts_changes_of_other_clients_when_a_policy_applies() -> None:
    spec = pool_spec(behavior=rules(scaleUp={"policies": [{"type": "Pods", "value": 4, "period": "1m"}]}))
    before = hold(spec, 1, NEW, START_S, "MetricsMissing").history

    # Three pods were added manually, so the policy allows one more within the minute.
    assert plan(spec, load(pending=9000), 4, before, START_S + TICK_S).desired == 5


def test_plan_continues_when_its_history_was_stored() -> None:
    spec = pool_spec(behavior=rules(scaleDown={"stabilizationWindow": "5m"}))
    before = decide(spec, load(pending=3000), 10).history
    stored = msgspec.json.decode(msgspec.json.encode(before), type=History)

    assert run(spec, [load()] * 3, 10, history=stored, start_s=START_S + 60) == [10, 10, 10]
    assert run(spec, [load()] * 3, 10, history=History(), start_s=START_S + 600)[0] == 10


def test_plan_remembers_little_when_the_need_hardly_changes() -> None:
    spec = pool_spec()
    history = NEW
    for number in range(1000):
        history = plan(spec, load(pending=3000 + number % 7), 10, history, START_S + number).history

    assert len(history.recommendations) <= 2


def test_hold_changes_nothing_when_metrics_are_missing() -> None:
    spec = pool_spec(minReplicas=0)

    decision = hold(spec, 7, NEW, START_S, "MetricsMissing")

    assert (decision.desired, decision.action, decision.reason) == (7, "Hold", "MetricsMissing")


def test_hold_counts_as_a_recommendation_when_metrics_return() -> None:
    spec = pool_spec(behavior=rules(scaleDown={"stabilizationWindow": "1m"}))
    history = hold(spec, 7, NEW, START_S, "MetricsMissing").history

    assert run(spec, [load()] * 8, 7, history=history, start_s=START_S + TICK_S) == [7, 7, 7, 7, 7, 1, 1, 1]


def test_hold_restarts_the_idle_time_when_metrics_were_missing() -> None:
    spec = pool_spec(idleAfter="1m", behavior=rules())
    idle = History(idle_since_s=START_S - 1000, replicas=1, recommendations=(Recommendation(START_S, 1),))
    history = hold(spec, 1, idle, START_S, "MetricsMissing").history

    assert run(spec, [load()] * 8, 1, history=history, start_s=START_S) == [1, 1, 1, 1, 1, 1, 0, 0]


def test_pause_reports_the_demand_when_it_blocks_the_change() -> None:
    decision = pause(decide(pool_spec(behavior=rules()), load(pending=3000), 2))

    assert (decision.desired, decision.recommended, decision.limited_by) == (2, 10, ("Paused",))


def test_scale_in_is_limited_when_pods_are_busy() -> None:
    decision = decide(pool_spec(behavior=rules(), idleAfter="0s"), load(), 10)

    limited = limit_scale_in(decision, floor=7, busy_pods=7)

    assert (limited.desired, limited.limited_by, limited.busy_pods) == (7, ("BusyPods",), 7)
    assert limit_scale_in(decision, floor=0, busy_pods=0).desired == 0


def test_message_has_the_numbers_when_pods_change() -> None:
    decision = decide(pool_spec(behavior=rules()), load(pending=3000, active=4, arrivals_per_s=1.5), 2)

    assert decision.message == ("3000 pending, 4 active, 0 due soon, 1.5/s of 1 s each, need 10.19 pods: 2 -> 11")
