"""Status fields of the last decision."""

from __future__ import annotations

import math
from typing import Any

from queuecontroller.plan.decision import Decision
from queuecontroller.status.timestamp import format_time

_NUMBERS = (
    "pending",
    "active",
    "dueSoon",
    "arrivalsPerSecond",
    "taskSeconds",
    "neededSlots",
    "drainReplicas",
    "depthReplicas",
    "runningReplicas",
    "recommendedReplicas",
    "busyPods",
)


def decision_fields(decision: Decision, now_s: float) -> dict[str, Any]:
    """The status fields of a decision that was applied at ``now_s``, in Unix seconds."""
    fields: dict[str, Any] = {
        "replicas": decision.desired,
        "desiredReplicas": decision.desired if decision.recommended is None else decision.recommended,
        "lastDecision": {
            "time": format_time(now_s),
            "action": decision.action,
            "from": decision.current,
            "to": decision.desired,
            "reason": decision.reason,
            "message": decision.message,
            "limitedBy": list(decision.limited_by),
            "numbers": _numbers(decision),
        },
    }
    if decision.load is not None:
        fields |= {"pending": round(decision.load.pending), "active": round(decision.load.active)}
    if decision.action != "Hold":
        fields["lastScaleTime"] = format_time(now_s)
    return fields


def _numbers(decision: Decision) -> dict[str, Any]:
    load, demand = decision.load, decision.demand
    if load is None or demand is None:
        # In a merge patch, null removes the numbers of the previous decision.
        return dict.fromkeys(_NUMBERS)
    return {
        "pending": round(load.pending),
        "active": round(load.active),
        "dueSoon": round(load.due_soon),
        "arrivalsPerSecond": _round_significant(load.arrivals_per_s),
        "taskSeconds": _round_significant(demand.task_s),
        "neededSlots": _round_significant(demand.slots),
        "drainReplicas": _round_significant(demand.drain_replicas),
        "depthReplicas": _round_significant(demand.depth_replicas),
        "runningReplicas": demand.running_replicas,
        "recommendedReplicas": decision.recommended,
        "busyPods": decision.busy_pods,
    }


def _round_significant(value: float) -> float:
    """Three significant digits: with more, noise alone would make every status differ from the last."""
    if value == 0:
        return 0.0
    return round(value, 2 - math.floor(math.log10(abs(value))))
