"""A pool's status: what it tells people, and what a controller that starts anew reads back."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from queuecontroller.conditions import Condition
from queuecontroller.plan.decision import Decision
from queuecontroller.plan.history import History, Recommendation, ScaleEvent
from queuecore.domain.timestamp import format_rfc3339, parse_rfc3339

MOST_REMEMBERED = 1000
"""As many entries as the CustomResourceDefinition takes."""


class _Remembered(msgspec.Struct):
    time: str
    replicas: int


class _Changed(msgspec.Struct):
    time: str
    change: int


class _Status(msgspec.Struct, rename="camel"):
    """What is read back of a status."""

    recommendations: list[_Remembered] = []
    scale_events: list[_Changed] = []
    idle_since: str | None = None
    replicas: int | None = None


def read_history(status: Mapping[str, Any]) -> History:
    """What the last controller left in a pool's status; nothing where that cannot be read."""
    try:
        stored = msgspec.convert(status, _Status)
        return History(
            recommendations=tuple(
                Recommendation(_seconds(each.time), each.replicas) for each in stored.recommendations
            ),
            events=tuple(ScaleEvent(_seconds(each.time), each.change) for each in stored.scale_events),
            idle_since_s=None if stored.idle_since is None else _seconds(stored.idle_since),
            replicas=stored.replicas,
        )
    except (msgspec.ValidationError, ValueError):
        return History()


def write_history(history: History) -> dict[str, Any]:
    """The part of a status from which :func:`read_history` reads."""
    return {
        "recommendations": [
            {"time": _time(each.at_s), "replicas": each.replicas} for each in history.recommendations[-MOST_REMEMBERED:]
        ],
        "scaleEvents": [
            {"time": _time(each.at_s), "change": each.change} for each in history.events[-MOST_REMEMBERED:]
        ],
        "idleSince": None if history.idle_since_s is None else _time(history.idle_since_s),
    }


def write_decision(decision: Decision, now_s: float) -> dict[str, Any]:
    """The part of a status that tells of a decision that was carried out."""
    told: dict[str, Any] = {
        "replicas": decision.desired,
        "desiredReplicas": decision.desired if decision.recommended is None else decision.recommended,
        "lastDecision": {
            "time": _time(now_s),
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
        told |= {"pending": round(decision.load.pending), "active": round(decision.load.active)}
    if decision.action != "Hold":
        told["lastScaleTime"] = _time(now_s)
    return told


def write_conditions(
    conditions: list[Condition], before: Sequence[Mapping[str, Any]], generation: int, now_s: float
) -> list[dict[str, Any]]:
    """Conditions as the status has them; the time of the last transition stays while the status does."""
    since = {(each.get("type"), each.get("status")): each.get("lastTransitionTime") for each in before}
    return [
        {
            "type": each.type,
            "status": each.status,
            "reason": each.reason,
            "message": each.message,
            "observedGeneration": generation,
            "lastTransitionTime": since.get((each.type, each.status)) or _time(now_s),
        }
        for each in conditions
    ]


def _numbers(decision: Decision) -> dict[str, Any]:
    load, demand = decision.load, decision.demand
    if load is None or demand is None:
        # Null takes the numbers of the last decision away.
        return dict.fromkeys(_NUMBERS)
    return {
        "pending": round(load.pending),
        "active": round(load.active),
        "dueSoon": round(load.due_soon),
        "arrivalsPerSecond": _rounded(load.arrivals_per_s),
        "taskSeconds": _rounded(demand.task_s),
        "neededSlots": _rounded(demand.slots),
        "drainReplicas": _rounded(demand.drain_replicas),
        "depthReplicas": _rounded(demand.depth_replicas),
        "runningReplicas": demand.running_replicas,
        "recommendedReplicas": decision.recommended,
        "busyPods": decision.busy_pods,
    }


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


def _rounded(value: float) -> float:
    """Three significant digits: more would only make every status differ from the last."""
    if value == 0:
        return 0.0
    return round(value, 2 - math.floor(math.log10(abs(value))))


def _time(at_s: float) -> str:
    return format_rfc3339(round(at_s * 1000))


def _seconds(text: str) -> float:
    return parse_rfc3339(text) / 1000
