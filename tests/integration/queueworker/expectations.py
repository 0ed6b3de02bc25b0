"""Tasks of the handlers under test, and waiting for their states."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

import msgspec

from queuecore.domain.retry import RetryPolicy
from queuecore.domain.state import TaskState
from queuecore.domain.task import Outcome, Task, TaskSnapshot
from queuecore.testing.builders import make_task
from queuecore.testing.store import TestStore
from queuecore.testing.waiting import eventually
from tests.integration.queueworker.handlers import Order

SOON = RetryPolicy(curve="constant", base_ms=10, jitter=0)


def order(kind: str, *, value: int = 0, until: Path | None = None, **changes: Any) -> Task:
    """Make a task of one of the handlers; ``changes`` are fields of the task."""
    payload = msgspec.json.encode(Order(value, str(until or "")))
    return make_task(**{"type": kind, "payload": payload, "retry_policy": SOON, **changes})


async def find(store: TestStore, task: Task) -> TaskSnapshot:
    """Read a task that must exist."""
    found = await store.reader.find(task.id, [task.queue])
    assert found is not None
    return found


async def until_state(store: TestStore, task: Task, state: TaskState) -> TaskSnapshot:
    """Wait until the task is in a state."""

    async def is_there() -> bool:
        return (await find(store, task)).state is state

    await eventually(is_there)
    return await find(store, task)


async def until_running(store: TestStore, task: Task, attempt: int = 1, before: Collection[int] = ()) -> int:
    """Wait until the handler of a waiting task runs in a process other than ``before``; that process."""

    async def runs() -> bool:
        found = await find(store, task)
        if found.attempt != attempt or found.state is not TaskState.ACTIVE or found.progress is None:
            return False
        # Until the handler reports again, a released task has the progress of its last run.
        return int(found.progress) not in before

    await eventually(runs)
    return int((await find(store, task)).progress or b"")


def outcomes(found: TaskSnapshot) -> list[Outcome | None]:
    """Outcomes of the attempts of a task."""
    return [attempt.outcome for attempt in found.attempts]


def was_cancelled(gate: Path) -> bool:
    """Test that a coroutine that waited for the gate was cancelled."""
    return Path(f"{gate}.cancelled").exists()


def is_alive(pid: int) -> bool:
    """Test that a process exists."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
