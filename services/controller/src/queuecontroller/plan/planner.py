"""Planner: the desired replicas of a pool from its spec, load and history."""

from __future__ import annotations

import msgspec

from queuecontroller.plan.behavior import limit_rate, longest_period_s, longest_window_s, stabilize
from queuecontroller.plan.decision import Decision
from queuecontroller.plan.demand import Demand, measure_demand, round_up
from queuecontroller.plan.history import History
from queuecontroller.plan.load import PoolLoad
from queuecontroller.plan.spec import PoolSpec


def plan(spec: PoolSpec, load: PoolLoad, current: int, history: History, now_s: float) -> Decision:
    """Plan the desired number of replicas.

    The result is within the bounds of ``spec``, does not decrease when the backlog grows, and settles under a constant
    load.

    Args:
        spec: the pool's spec.
        load: the load of its queues.
        current: the present number of replicas.
        history: the history in the last decision.
        now_s: Unix seconds.
    """
    past = _observe_replicas(spec, history, current, now_s).with_idleness(now_s, idle=load.is_idle)
    demand = measure_demand(spec, load, current, started=not past.has_grown_since(now_s - spec.look_ahead))
    recommended, limits = _recommend(spec, load, demand, current)
    past = past.with_recommendation(now_s, recommended, longest_window_s(spec.behavior))
    desired, rate_limits = _smooth(spec, load, past, current, recommended, now_s)
    if _may_scale_to_zero(spec, load, past, now_s) and desired <= 1:
        desired, reason = 0, "Idle"
    else:
        reason = _reason(demand, recommended, current)
    return Decision(
        current=current,
        desired=desired,
        reason=reason,
        limited_by=(*limits, *rate_limits),
        recommended=recommended,
        load=load,
        demand=demand,
        history=past,
    )


def event_memory_s(spec: PoolSpec) -> float:
    """Seconds after which a change of the number of replicas has no effect on planning."""
    return max(longest_period_s(spec.behavior), spec.look_ahead)


def hold(spec: PoolSpec, current: int, history: History, now_s: float, reason: str) -> Decision:
    """Hold the present number of replicas, because queue metrics are unavailable.

    A hold counts as a recommendation of the present replicas: missing metrics must not look like missing load in the
    stabilization window. The idle time restarts, because tasks may have run unobserved.
    """
    past = _observe_replicas(spec, history, current, now_s).with_idleness(now_s, idle=False)
    past = past.with_recommendation(now_s, current, longest_window_s(spec.behavior))
    return Decision(current=current, desired=current, reason=reason, history=past)


def pause(decision: Decision) -> Decision:
    """``decision`` without its change, because the pool is paused."""
    return msgspec.structs.replace(block(decision, "Paused"), reason="Paused")


def limit_scale_in(decision: Decision, floor: int, busy_pods: int) -> Decision:
    """``decision`` limited to the removal of pods that may be interrupted.

    Args:
        decision: a scale-in.
        floor: the number of pods that must not be removed.
        busy_pods: pods that run tasks.
    """
    allowed = min(max(decision.desired, floor), decision.current)
    limits = decision.limited_by if allowed == decision.desired else (*decision.limited_by, "BusyPods")
    return msgspec.structs.replace(decision, desired=allowed, limited_by=limits, busy_pods=busy_pods)


def block(decision: Decision, limit: str) -> Decision:
    """``decision`` without its change, because of ``limit``, in CamelCase."""
    return msgspec.structs.replace(decision, desired=decision.current, limited_by=(*decision.limited_by, limit))


def _observe_replicas(spec: PoolSpec, history: History, current: int, now_s: float) -> History:
    past = history.with_replicas(now_s, current, event_memory_s(spec))
    if past.recommendations:
        return past
    # Without a history, the present number of replicas counts as the first recommendation.
    return past.with_recommendation(now_s, current, longest_window_s(spec.behavior))


def _recommend(spec: PoolSpec, load: PoolLoad, demand: Demand, current: int) -> tuple[int, list[str]]:
    """Replicas for the demand after tolerance and bounds, and the limits that applied."""
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


def _smooth(
    spec: PoolSpec, load: PoolLoad, past: History, current: int, recommended: int, now_s: float
) -> tuple[int, list[str]]:
    """``recommended`` after stabilization windows and policies, and the limits that applied."""
    stable = stabilize(spec.behavior, past, now_s, current)
    limits = ["StabilizationWindow"] if stable != recommended else []
    desired = limit_rate(spec.behavior, past, now_s, current, stable)
    if desired != stable:
        limits.append("ScaleUpPolicy" if stable > current else "ScaleDownPolicy")
    if current == 0 and not load.is_idle:
        desired = max(desired, 1)  # The first task does not wait for a window.
    # Edited bounds apply at once: windows and policies smooth changes of the load only.
    return min(max(desired, spec.min_replicas), spec.max_replicas), limits


def _may_scale_to_zero(spec: PoolSpec, load: PoolLoad, past: History, now_s: float) -> bool:
    """True if the pool has been idle long enough to remove its last pod."""
    if spec.min_replicas > 0 or not load.is_idle or past.idle_since_s is None:
        return False
    return now_s - past.idle_since_s >= spec.idle_after and spec.behavior.scale_down.select_policy != "Disabled"


def _reason(demand: Demand, recommended: int, current: int) -> str:
    return "WithinTolerance" if recommended == current else demand.reason
