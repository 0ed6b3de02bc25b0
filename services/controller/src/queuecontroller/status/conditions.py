"""A pool's conditions, and the Events that go with their changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import msgspec

from queuecontroller.errors import ReadingFailed
from queuecontroller.plan.decision import Decision


class Condition(msgspec.Struct, frozen=True):
    """One condition of a pool."""

    type: Literal["Ready", "MetricsAvailable", "ScalingLimited"]
    status: Literal["True", "False", "Unknown"]
    reason: str
    message: str


class Notice(NamedTuple):
    """Something to tell as an Event."""

    type: Literal["Normal", "Warning"]
    reason: str
    message: str


def judge(decision: Decision, problem: ReadingFailed | None) -> list[Condition]:
    """The conditions of a pool that is kept.

    Args:
        decision: what was done.
        problem: why the queues could not be read.
    """
    limits = ", ".join(decision.limited_by)
    return [
        Condition("Ready", "True", "Kept", "the pool is kept"),
        Condition("MetricsAvailable", "True", "Read", "the state of the queues is known")
        if problem is None
        else Condition("MetricsAvailable", "False", problem.reason, f"{problem}; the pods stay as they are"),
        Condition("ScalingLimited", "True", decision.limited_by[-1], f"limited by {limits}")
        if decision.limited_by
        else Condition("ScalingLimited", "False", "Unlimited", "there are as many pods as are needed"),
    ]


def find_notices(before: Sequence[Mapping[str, Any]], conditions: Sequence[Condition]) -> list[Notice]:
    """Events for conditions that got worse, or better again. Limits are daily life: they make no Event."""
    known = {each.get("type"): (each.get("status"), each.get("reason")) for each in before}
    notices = []
    for each in conditions:
        status, reason = known.get(each.type, ("True", ""))
        if each.type == "ScalingLimited":
            continue
        if each.status == "False" and (status, reason) != ("False", each.reason):
            notices.append(Notice("Warning", each.reason, each.message))
        if each.status == "True" and status == "False":
            notices.append(Notice("Normal", f"{each.type}Again", each.message))
    return notices
