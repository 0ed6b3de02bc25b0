"""Stabilisation windows and step limits, as a HorizontalPodAutoscaler (autoscaling/v2) has them."""

from __future__ import annotations

import math

from queuecontroller.plan.history import History
from queuecontroller.plan.spec import Behavior, Policy, ScalingRules


def longest_window_s(behavior: Behavior) -> float:
    """For how long recommendations matter."""
    return max(behavior.scale_up.stabilization_window, behavior.scale_down.stabilization_window)


def longest_period_s(behavior: Behavior) -> float:
    """For how long changes matter."""
    policies = (*behavior.scale_up.policies, *behavior.scale_down.policies)
    return max((policy.period for policy in policies), default=0.0)


def stabilize(behavior: Behavior, history: History, now_s: float, current: int) -> int:
    """The most cautious recommendation of the windows: nearest to ``current``, or ``current`` where they disagree.

    Args:
        behavior: the windows.
        history: has the present recommendation.
        now_s: Unix seconds.
        current: pods that there are to be now.
    """
    least = min(history.since(now_s - behavior.scale_up.stabilization_window))
    most = max(history.since(now_s - behavior.scale_down.stabilization_window))
    return min(max(current, least), most)


def limit_step(behavior: Behavior, history: History, now_s: float, current: int, wanted: int) -> int:
    """``wanted``, or as near to it as the policies allow."""
    if wanted > current:
        return int(min(wanted, max(current, _highest(behavior.scale_up, history, now_s, current))))
    if wanted < current:
        return int(max(wanted, min(current, _lowest(behavior.scale_down, history, now_s, current))))
    return wanted


def _highest(rules: ScalingRules, history: History, now_s: float, current: int) -> float:
    if rules.select_policy == "Disabled":
        return current
    limits = [_raised(policy, current - history.change(now_s - policy.period)) for policy in rules.policies]
    return (min if rules.select_policy == "Min" else max)(limits, default=math.inf)


def _lowest(rules: ScalingRules, history: History, now_s: float, current: int) -> float:
    if rules.select_policy == "Disabled":
        return current
    limits = [_lowered(policy, current - history.change(now_s - policy.period)) for policy in rules.policies]
    return (max if rules.select_policy == "Min" else min)(limits, default=0)


def _raised(policy: Policy, start: int) -> int:
    if policy.type == "Pods":
        return start + policy.value
    # At least one more: a per cent of nothing would never leave zero.
    return max(math.ceil(start * (1 + policy.value / 100)), start + 1)


def _lowered(policy: Policy, start: int) -> int:
    if policy.type == "Pods":
        return start - policy.value
    return math.floor(start * (1 - policy.value / 100))
