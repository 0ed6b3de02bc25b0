"""The decision: from a pool's spec, load and past to how many pods it is to have."""

from __future__ import annotations

import msgspec

from queuecontroller.plan.behavior import limit_step, longest_period_s, longest_window_s, stabilize
from queuecontroller.plan.decision import Decision
from queuecontroller.plan.demand import Demand, measure_demand, round_up
from queuecontroller.plan.history import History
from queuecontroller.plan.load import PoolLoad
from queuecontroller.plan.spec import PoolSpec


def plan(spec: PoolSpec, load: PoolLoad, current: int, history: History, now_s: float) -> Decision:
    """Decide how many pods there are to be.

    The decision lies within the bounds of ``spec``, steps permitting; never falls as the backlog grows; and stays as
    it is while the load does.

    Args:
        spec: what the pool says.
        load: what its queues hold.
        current: how many pods there are to be now.
        history: what the last decision left.
        now_s: Unix seconds.
    """
    demand = measure_demand(spec, load)
    past = _look_back(spec, history, current, now_s).note_idleness(now_s, idle=load.is_idle)
    recommended, limits = _recommend(spec, load, demand, current)
    past = past.recommend(now_s, recommended, longest_window_s(spec.behavior))
    desired, slowed = _slow_down(spec, load, past, current, recommended, now_s)
    if _may_leave(spec, load, past, now_s) and desired <= 1:
        desired, reason = 0, "Idle"
    else:
        reason = _reason(demand, recommended, current)
    return Decision(
        current=current,
        desired=desired,
        reason=reason,
        limited_by=(*limits, *slowed),
        recommended=recommended,
        load=load,
        demand=demand,
        history=past,
    )


def hold(spec: PoolSpec, current: int, history: History, now_s: float, reason: str) -> Decision:
    """Decide to change nothing, as nothing is known of the queues.

    Holding counts as a recommendation of the present pods: a window must not take the silence for a lack of need. And
    the idle time starts anew, for nobody knows what happened meanwhile.
    """
    past = _look_back(spec, history, current, now_s).note_idleness(now_s, idle=False)
    past = past.recommend(now_s, current, longest_window_s(spec.behavior))
    return Decision(current=current, desired=current, reason=reason, history=past)


def pause(decision: Decision) -> Decision:
    """``decision`` with nothing done, as the pool is paused."""
    return msgspec.structs.replace(keep(decision, "Paused"), reason="Paused")


def spare(decision: Decision, least: int, busy_pods: int) -> Decision:
    """``decision`` with no more pods removed than may be interrupted.

    Args:
        decision: shrinks the pool.
        least: with fewer pods, some would go that must not.
        busy_pods: pods that run tasks.
    """
    allowed = min(max(decision.desired, least), decision.current)
    limits = decision.limited_by if allowed == decision.desired else (*decision.limited_by, "BusyPods")
    return msgspec.structs.replace(decision, desired=allowed, limited_by=limits, busy_pods=busy_pods)


def keep(decision: Decision, limit: str) -> Decision:
    """``decision`` with nothing done, because of ``limit``, in CamelCase."""
    return msgspec.structs.replace(decision, desired=decision.current, limited_by=(*decision.limited_by, limit))


def _look_back(spec: PoolSpec, history: History, current: int, now_s: float) -> History:
    past = history.note_replicas(now_s, current, longest_period_s(spec.behavior))
    if past.recommendations:
        return past
    # A first look knows no past: the present number of pods was somebody's decision.
    return past.recommend(now_s, current, longest_window_s(spec.behavior))


def _recommend(spec: PoolSpec, load: PoolLoad, demand: Demand, current: int) -> tuple[int, list[str]]:
    """Pods for the demand, within tolerance and bounds, and which bounds it meets."""
    wanted = round_up(demand.replicas)
    if current and abs(demand.replicas / current - 1) <= spec.tolerance:
        wanted = max(current, demand.running_replicas)
    if wanted < current and not load.has_rates:
        return _bound(spec, current, ["RatesUnknown"])
    if current or not load.is_idle:
        wanted = max(wanted, 1)
    return _bound(spec, wanted, [])


def _bound(spec: PoolSpec, wanted: int, limits: list[str]) -> tuple[int, list[str]]:
    if wanted > spec.max_replicas:
        return spec.max_replicas, [*limits, "MaxReplicas"]
    if wanted < spec.min_replicas:
        return spec.min_replicas, [*limits, "MinReplicas"]
    return wanted, limits


def _slow_down(
    spec: PoolSpec, load: PoolLoad, past: History, current: int, recommended: int, now_s: float
) -> tuple[int, list[str]]:
    """``recommended`` after windows and steps, and which of them met it."""
    steady = stabilize(spec.behavior, past, now_s, current)
    limits = ["StabilizationWindow"] if steady != recommended else []
    desired = limit_step(spec.behavior, past, now_s, current, steady)
    if desired != steady:
        limits.append("ScaleUpPolicy" if steady > current else "ScaleDownPolicy")
    if current == 0 and not load.is_idle:
        desired = max(desired, 1)  # The first task must not wait for a window.
    # The bounds hold at once, as they are edited: windows and steps are about the load.
    return min(max(desired, spec.min_replicas), spec.max_replicas), limits


def _may_leave(spec: PoolSpec, load: PoolLoad, past: History, now_s: float) -> bool:
    """Whether the last pod may go."""
    if spec.min_replicas > 0 or not load.is_idle or past.idle_since_s is None:
        return False
    return now_s - past.idle_since_s >= spec.idle_after and spec.behavior.scale_down.select_policy != "Disabled"


def _reason(demand: Demand, recommended: int, current: int) -> str:
    return "WithinTolerance" if recommended == current else demand.decisive
