from __future__ import annotations

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from queuecontroller.plan.history import History, Recommendation, ScaleEvent
from queuecontroller.plan.load import PoolLoad, QueueLoad
from queuecontroller.plan.planner import plan
from queuecontroller.plan.spec import PoolSpec
from tests.unit.queuecontroller.plan.pools import START_S, load, pool_spec, run

WINDOWS = st.sampled_from(["0s", "30s", "2m", "5m"])
POLICIES = st.lists(
    st.fixed_dictionaries(
        {
            "type": st.sampled_from(["Pods", "Percent"]),
            "value": st.integers(1, 200),
            "period": st.sampled_from(["15s", "1m", "5m"]),
        }
    ),
    max_size=3,
)
RULES = st.fixed_dictionaries(
    {"stabilizationWindow": WINDOWS, "policies": POLICIES, "selectPolicy": st.sampled_from(["Max", "Min", "Disabled"])}
)


@st.composite
def specs(draw: st.DrawFn, *, limited: bool = True) -> PoolSpec:
    rules = RULES if limited else st.fixed_dictionaries({"stabilizationWindow": WINDOWS, "policies": st.just([])})
    least = draw(st.integers(0, 20))
    return pool_spec(
        minReplicas=least,
        maxReplicas=max(1, least + draw(st.integers(0, 100))),
        slotsPerReplica=draw(st.integers(1, 200)),
        target=draw(
            st.sampled_from([{"drain": "30s"}, {"tasksPerReplica": 7}, {"drain": "1s", "tasksPerReplica": 1000}])
        ),
        tolerance=draw(st.sampled_from([0, 0.1, 0.5])),
        idleAfter=draw(st.sampled_from(["0s", "1m"])),
        behavior={"scaleUp": draw(rules), "scaleDown": draw(rules)},
    )


AMOUNTS = st.one_of(st.just(0.0), st.floats(0, 1e9))
QUEUE_LOADS = st.builds(
    QueueLoad,
    pending=AMOUNTS,
    active=st.one_of(st.just(0.0), st.floats(0, 1e4)),
    due_soon=AMOUNTS,
    arrivals_per_s=st.none() | st.floats(0, 1e5),
    task_s=st.none() | st.floats(0, 1e5),
    waiting_task_s=st.none() | st.floats(0, 1e5),
    oldest_pending_s=AMOUNTS,
)
LOADS = st.builds(PoolLoad, st.lists(QUEUE_LOADS, min_size=1, max_size=3).map(tuple))
HISTORIES = st.builds(
    History,
    recommendations=st.lists(
        st.builds(Recommendation, at_s=st.floats(START_S - 400, START_S), replicas=st.integers(0, 130)), max_size=6
    ).map(lambda each: tuple(sorted(each, key=lambda one: one.at_s))),
    events=st.lists(
        st.builds(ScaleEvent, at_s=st.floats(START_S - 400, START_S), change=st.integers(-50, 50)), max_size=4
    ).map(tuple),
    idle_since_s=st.none() | st.floats(START_S - 400, START_S),
    replicas=st.none() | st.integers(0, 130),
)


@given(specs(), LOADS, st.integers(0, 200), HISTORIES)
def test_plan_stays_within_bounds_whatever_happens(
    spec: PoolSpec, what: PoolLoad, current: int, history: History
) -> None:
    decision = plan(spec, what, current, history, START_S)

    assert spec.min_replicas <= decision.desired <= spec.max_replicas


@given(specs(), LOADS, st.integers(0, 130), HISTORIES, st.floats(0, 1e6))
def test_plan_wants_no_fewer_pods_when_the_backlog_is_greater(
    spec: PoolSpec, what: PoolLoad, current: int, history: History, more: float
) -> None:
    first, *others = what.queues
    greater = msgspec.structs.replace(first, pending=first.pending + more)

    less = plan(spec, what, current, history, START_S).desired

    assert plan(spec, PoolLoad((greater, *others)), current, history, START_S).desired >= less


@given(specs(), LOADS, st.integers(0, 130), HISTORIES)
def test_plan_keeps_a_pod_for_running_tasks_whatever_happens(
    spec: PoolSpec, what: PoolLoad, current: int, history: History
) -> None:
    needed = min(sum(each.active for each in what.queues) / spec.slots_per_replica, spec.max_replicas)

    desired = plan(spec, what, current, history, START_S).desired

    assert desired >= min(needed, current) - 1e-6


@given(specs(limited=False), LOADS, st.integers(0, 130))
@settings(max_examples=30)
def test_plan_settles_when_the_load_stays(spec: PoolSpec, what: PoolLoad, current: int) -> None:
    pods = run(spec, [what] * 50, current)

    # The longest window and the idle time are over after 37 ticks.
    assert len(set(pods[37:])) == 1


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=29), st.floats(500, 9000))
@settings(max_examples=30)
def test_plan_does_not_flap_when_noise_comes_back_within_the_window(noise: list[float], pending: float) -> None:
    spec = pool_spec(minReplicas=1, behavior={"scaleDown": {"stabilizationWindow": "5m"}})
    loads = [load(pending=pending * (1 + 0.5 * noise[number % len(noise)])) for number in range(90)]

    pods = run(spec, loads, 10)

    assert len(set(pods[60:])) == 1


@given(st.lists(st.floats(-1, 1), min_size=60, max_size=60), st.integers(1, 50))
@settings(max_examples=30)
def test_plan_changes_nothing_when_noise_is_within_tolerance(noise: list[float], pods: int) -> None:
    spec = pool_spec(tolerance=0.1)
    fixed_point = pods * spec.slots_per_replica * 30

    assert run(spec, [load(pending=fixed_point * (1 + 0.099 * each)) for each in noise], pods) == [pods] * 60


@given(specs(), LOADS, st.integers(0, 130), HISTORIES)
def test_plan_decides_the_same_when_asked_again(spec: PoolSpec, what: PoolLoad, current: int, history: History) -> None:
    assert plan(spec, what, current, history, START_S) == plan(spec, what, current, history, START_S)


@given(
    st.integers(1, 40),
    st.none() | st.floats(0, 1e-3),
    st.none() | st.floats(0, 1e-3),
    st.floats(34, 1e6),
    st.integers(1000, 10**6),
)
def test_plan_adds_pods_within_two_looks_when_a_backlog_does_not_drain(
    current: int, task_s: float | None, waiting_task_s: float | None, oldest_s: float, pending: int
) -> None:
    spec = pool_spec(minReplicas=1, maxReplicas=50, target={"drain": "30s", "assumedTaskDuration": "1ms"})
    stuck = load(
        pending=pending, active=current * 10, task_s=task_s, waiting_task_s=waiting_task_s, oldest_pending_s=oldest_s
    )

    assert run(spec, [stuck] * 2, current)[-1] > current
