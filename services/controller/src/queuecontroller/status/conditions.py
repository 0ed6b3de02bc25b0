"""Conditions of a WorkerPool."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

from queuecontroller.errors import ReadingFailed
from queuecontroller.plan.decision import Decision
from queuecontroller.status.timestamp import format_time


class Condition(msgspec.Struct, frozen=True):
    """One condition of a pool."""

    type: Literal["Ready", "MetricsAvailable", "ScalingLimited"]
    status: Literal["True", "False", "Unknown"]
    reason: str
    message: str


def build_conditions(decision: Decision, metrics_error: ReadingFailed | None) -> list[Condition]:
    """The conditions of a pool after a successful reconciliation.

    Args:
        decision: as applied.
        metrics_error: why the queue metrics could not be read, if so.
    """
    limits = ", ".join(decision.limited_by)
    return [
        Condition("Ready", "True", "Kept", "the pool is reconciled"),
        Condition("MetricsAvailable", "True", "Read", "queue metrics are available")
        if metrics_error is None
        else Condition(
            "MetricsAvailable", "False", metrics_error.reason, f"{metrics_error}; the number of pods stays unchanged"
        ),
        Condition("ScalingLimited", "True", decision.limited_by[-1], f"limited by {limits}")
        if decision.limited_by
        else Condition("ScalingLimited", "False", "Unlimited", "there are as many pods as are needed"),
    ]


def condition_fields(
    conditions: Sequence[Condition], before: Sequence[Mapping[str, Any]], generation: int, now_s: float
) -> list[dict[str, Any]]:
    """``status.conditions``. ``lastTransitionTime`` changes only with the status of a condition.

    Args:
        conditions: the new conditions.
        before: ``status.conditions`` as last written.
        generation: the generation of the pool.
        now_s: Unix seconds.
    """
    since = {(each.get("type"), each.get("status")): each.get("lastTransitionTime") for each in before}
    return [
        {
            "type": each.type,
            "status": each.status,
            "reason": each.reason,
            "message": each.message,
            "observedGeneration": generation,
            "lastTransitionTime": since.get((each.type, each.status)) or format_time(now_s),
        }
        for each in conditions
    ]
