from __future__ import annotations

import msgspec
import pytest

from queueapi.schemas.task_view import view_task
from queuecore.domain.state import TaskState
from queuecore.domain.task import Attempt, TaskSnapshot, UniqueLock
from queuecore.testing.builders import make_task

ENQUEUED, DUE, BEGUN, STATE = 1_000_000, 2_000_000, 3_000_000, 4_000_000
MOMENTS = {
    ENQUEUED: "1970-01-01T00:16:40Z",
    DUE: "1970-01-01T00:33:20Z",
    BEGUN: "1970-01-01T00:50:00Z",
    STATE: "1970-01-01T01:06:40Z",
}
ATTEMPT = Attempt(number=1, worker="w", pod="p", started_at_ms=BEGUN)


def shown(state: TaskState, process_at_ms: int | None = None, attempts: tuple[Attempt, ...] = ()) -> str:
    task = make_task(enqueued_at_ms=ENQUEUED, process_at_ms=process_at_ms)
    return view_task(TaskSnapshot(task=task, state=state, state_at_ms=STATE, attempts=attempts)).next_process_at


@pytest.mark.parametrize("state", [TaskState.PENDING, TaskState.SCHEDULED, TaskState.RETRY])
def test_next_process_at_is_the_states_own_time_when_the_task_waits(state: TaskState) -> None:
    assert shown(state, DUE, (ATTEMPT,)) == MOMENTS[STATE]


@pytest.mark.parametrize("state", [TaskState.ACTIVE, TaskState.ARCHIVED, TaskState.COMPLETED])
def test_next_process_at_is_when_the_last_attempt_began_when_the_task_does_not_wait(state: TaskState) -> None:
    assert shown(state, DUE, (ATTEMPT,)) == MOMENTS[BEGUN]
    assert shown(state, DUE) == MOMENTS[DUE]
    assert shown(state) == MOMENTS[ENQUEUED]


def test_view_writes_durations_and_json_as_they_are() -> None:
    task = make_task(timeout_ms=90_000, unique=UniqueLock("digest", 3_600_000), payload=b'{"a":[1,2]}')
    snapshot = TaskSnapshot(task=task, state=TaskState.PENDING, state_at_ms=STATE, progress=b"0.5")

    body = msgspec.json.decode(msgspec.json.encode(view_task(snapshot)))

    assert (body["timeout"], body["unique"], body["payload"]) == ("1m30s", "1h0m0s", {"a": [1, 2]})
    assert (body["progress"], body["result"], body["reason"]) == (0.5, None, None)
