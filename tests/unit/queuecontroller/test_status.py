from __future__ import annotations

from typing import Any

import pytest

from queuecontroller.plan.decision import Decision
from queuecontroller.plan.history import History, Recommendation, ScaleEvent
from queuecontroller.plan.planner import hold, plan
from queuecontroller.status.conditions import Condition, condition_fields
from queuecontroller.status.decision import decision_fields
from queuecontroller.status.events import transition_events
from queuecontroller.status.history import history_fields, read_history
from tests.support.kubernetes.pool_schema import fill_defaults, find_faults, pool_schema
from tests.unit.queuecontroller.plan.pools import START_S, load, pool_spec

HISTORY = History(
    recommendations=(Recommendation(START_S - 60, 9), Recommendation(START_S, 5)),
    events=(ScaleEvent(START_S - 30, -2), ScaleEvent(START_S, 4)),
    idle_since_s=START_S - 90,
    replicas=5,
)
READY = Condition("Ready", "True", "Kept", "the pool is reconciled")
BROKEN = Condition("Ready", "False", "Forbidden", "no")


def test_history_is_unchanged_when_it_is_stored_and_read() -> None:
    assert read_history({**history_fields(HISTORY), "replicas": 5}) == HISTORY


@pytest.mark.parametrize(
    "status", [{}, {"recommendations": "none"}, {"idleSince": "yesterday"}, {"scaleEvents": [{"time": 3}]}]
)
def test_history_is_empty_when_the_status_is_invalid(status: dict[str, Any]) -> None:
    assert read_history(status) == History()


@pytest.mark.parametrize(
    "decision",
    [
        plan(pool_spec(), load(pending=123, active=7, arrivals_per_s=0.12345), 3, HISTORY, START_S),
        hold(pool_spec(), 3, HISTORY, START_S, "MetricsMissing"),
    ],
    ids=["planned", "held"],
)
def test_status_matches_the_schema(decision: Decision) -> None:
    schema = pool_schema()["properties"]["status"]
    conditions = condition_fields([READY], [], 4, START_S)
    status = {**decision_fields(decision, START_S), **history_fields(decision.history), "conditions": conditions}
    stored = _without_nulls(status)

    assert find_faults(schema, stored) == []
    assert fill_defaults(schema, stored) == stored


def test_numbers_have_three_significant_digits() -> None:
    decision = plan(pool_spec(), load(arrivals_per_s=0.123456, task_s=98765), 3, HISTORY, START_S)

    numbers = decision_fields(decision, START_S)["lastDecision"]["numbers"]

    assert (numbers["arrivalsPerSecond"], numbers["taskSeconds"]) == (0.123, 98800)


def test_transition_time_stays_when_the_status_of_a_condition_is_unchanged() -> None:
    before = condition_fields([READY], [], 1, START_S)

    assert (
        condition_fields([READY], before, 2, START_S + 60)[0]["lastTransitionTime"] == before[0]["lastTransitionTime"]
    )
    assert condition_fields([BROKEN], before, 2, START_S + 60)[0]["lastTransitionTime"] == "2027-01-15T08:01:00Z"


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (None, READY, []),
        (READY, READY, []),
        (None, BROKEN, [("Warning", "Forbidden")]),
        (READY, BROKEN, [("Warning", "Forbidden")]),
        (BROKEN, BROKEN, []),
        (BROKEN, READY, [("Normal", "ReadyAgain")]),
        (BROKEN, Condition("Ready", "False", "NotFound", "gone"), [("Warning", "NotFound")]),
    ],
)
def test_event_is_emitted_when_a_condition_changes(before: Condition | None, after: Condition, expected: Any) -> None:
    known = condition_fields([before], [], 1, START_S) if before else []

    assert [(event.type, event.reason) for event in transition_events(known, [after])] == expected


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(each) for name, each in value.items() if each is not None}
    return value
