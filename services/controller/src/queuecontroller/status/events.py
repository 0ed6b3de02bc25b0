"""Kubernetes Events for condition transitions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from queuecontroller.status.conditions import Condition


class Event(NamedTuple):
    """A Kubernetes Event about a pool."""

    type: Literal["Normal", "Warning"]
    reason: str
    message: str


def transition_events(before: Sequence[Mapping[str, Any]], conditions: Sequence[Condition]) -> list[Event]:
    """Events for conditions that became False, or True again. ScalingLimited emits none: limits are routine.

    Args:
        before: ``status.conditions`` as last written.
        conditions: the new conditions.
    """
    known = {each.get("type"): (each.get("status"), each.get("reason")) for each in before}
    events = []
    for each in conditions:
        status, reason = known.get(each.type, ("True", ""))
        if each.type == "ScalingLimited":
            continue
        if each.status == "False" and (status, reason) != ("False", each.reason):
            events.append(Event("Warning", each.reason, each.message))
        if each.status == "True" and status == "False":
            events.append(Event("Normal", f"{each.type}Again", each.message))
    return events
