"""Planner history stored in a pool's status, so that a new leader continues where the last one stopped."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from queuecontroller.plan.history import History, Recommendation, ScaleEvent
from queuecontroller.status.timestamp import format_time, parse_time

MAX_ENTRIES = 1000
"""``maxItems`` of the lists in the CustomResourceDefinition."""


class _StoredRecommendation(msgspec.Struct):
    time: str
    replicas: int


class _StoredScaleEvent(msgspec.Struct):
    time: str
    change: int


class _StoredStatus(msgspec.Struct, rename="camel"):
    """The fields of a status that are read back."""

    recommendations: list[_StoredRecommendation] = []
    scale_events: list[_StoredScaleEvent] = []
    idle_since: str | None = None
    replicas: int | None = None


def read_history(status: Mapping[str, Any]) -> History:
    """The history stored in a pool's status; an empty one if it is missing or invalid."""
    try:
        stored = msgspec.convert(status, _StoredStatus)
        return History(
            recommendations=tuple(
                Recommendation(parse_time(each.time), each.replicas) for each in stored.recommendations
            ),
            events=tuple(ScaleEvent(parse_time(each.time), each.change) for each in stored.scale_events),
            idle_since_s=None if stored.idle_since is None else parse_time(stored.idle_since),
            replicas=stored.replicas,
        )
    except (msgspec.ValidationError, ValueError):
        return History()


def history_fields(history: History) -> dict[str, Any]:
    """The status fields that :func:`read_history` reads."""
    return {
        "recommendations": [
            {"time": format_time(each.at_s), "replicas": each.replicas}
            for each in history.recommendations[-MAX_ENTRIES:]
        ],
        "scaleEvents": [
            {"time": format_time(each.at_s), "change": each.change} for each in history.events[-MAX_ENTRIES:]
        ],
        "idleSince": None if history.idle_since_s is None else format_time(history.idle_since_s),
    }
