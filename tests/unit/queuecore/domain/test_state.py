from __future__ import annotations

from queuecore.domain.state import TRANSITIONS, Event, TaskState


def test_every_state_can_be_reached_and_left() -> None:
    reached = set(TRANSITIONS.values())
    left = {state for state, _ in TRANSITIONS}
    assert reached == left == {None, *TaskState}


def test_every_event_moves_something() -> None:
    assert {event for _, event in TRANSITIONS} == set(Event)


def test_final_states_are_left_only_on_request_or_by_a_late_success() -> None:
    leaving = {event for (state, event) in TRANSITIONS if state is not None and state.is_final}
    assert leaving == {Event.RUN_NOW, Event.DELETE, Event.EXPIRE, Event.SUCCEED}


def test_running_task_cannot_be_deleted() -> None:
    assert (TaskState.ACTIVE, Event.DELETE) not in TRANSITIONS
