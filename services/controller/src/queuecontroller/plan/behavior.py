"""Stabilization windows and scaling policies, with the semantics of a HorizontalPodAutoscaler (autoscaling/v2)."""

from __future__ import annotations

import math

from queuecontroller.plan.history import History
from queuecontroller.plan.spec import Behavior, Policy, ScalingRules


def longest_window_s(behavior: Behavior) -> float:
    """The longer stabilization window, in seconds: older recommendations have no effect."""
    return max(behavior.scale_up.stabilization_window, behavior.scale_down.stabilization_window)


def longest_period_s(behavior: Behavior) -> float:
    """The longest period of all policies, in seconds: older scale events have no effect."""
    policies = (*behavior.scale_up.policies, *behavior.scale_down.policies)
    return max((policy.period for policy in policies), default=0.0)


def stabilize(behavior: Behavior, history: History, now_s: float, current: int) -> int:
    """``current``, raised to the lowest recommendation of the scale-up window or lowered to the highest of scale-down.

    Args:
        behavior: the windows.
        history: with the newest recommendation.
        now_s: Unix seconds.
        current: the present number of replicas.
    """
    least = min(history.recommendations_since(now_s - behavior.scale_up.stabilization_window))
    most = max(history.recommendations_since(now_s - behavior.scale_down.stabilization_window))
    return min(max(current, least), most)


def limit_rate(behavior: Behavior, history: History, now_s: float, current: int, wanted: int) -> int:
    """``wanted``, or the nearest number of replicas that the policies allow now."""
    if wanted > current:
        return int(min(wanted, max(current, _upper_limit(behavior.scale_up, history, now_s, current))))
    if wanted < current:
        return int(max(wanted, min(current, _lower_limit(behavior.scale_down, history, now_s, current))))
    return wanted


def _upper_limit(rules: ScalingRules, history: History, now_s: float, current: int) -> float:
    if rules.select_policy == "Disabled":
        return current
    limits = [_grow(policy, current - history.net_change_since(now_s - policy.period)) for policy in rules.policies]
    return (min if rules.select_policy == "Min" else max)(limits, default=math.inf)


def _lower_limit(rules: ScalingRules, history: History, now_s: float, current: int) -> float:
    if rules.select_policy == "Disabled":
        return current
    limits = [_shrink(policy, current - history.net_change_since(now_s - policy.period)) for policy in rules.policies]
    return (max if rules.select_policy == "Min" else min)(limits, default=0)


def _grow(policy: Policy, start: int) -> int:
    if policy.type == "Pods":
        return start + policy.value
    # At least one more: a percentage of zero would never leave zero.
    return max(math.ceil(start * (1 + policy.value / 100)), start + 1)


def _shrink(policy: Policy, start: int) -> int:
    if policy.type == "Pods":
        return start - policy.value
    return math.floor(start * (1 - policy.value / 100))
