"""Only the server's clock counts; a wrong local clock changes nothing."""

from __future__ import annotations

import time

import pytest

from queuecore.domain.state import TaskState
from queuecore.store.attempts.settlement import Failure, Success
from queuecore.testing.builders import make_task, now_ms
from queuecore.testing.store import LEASE_MS, TestStore

YEAR_MS = 365 * 24 * 3_600_000


@pytest.fixture(params=[-YEAR_MS, YEAR_MS], ids=["a year behind", "a year ahead"])
def wrong_clock(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """The server's clock, Unix ms, unaffected by the fake local one."""
    right, true_time, true_time_ns = now_ms(), time.time, time.time_ns
    monkeypatch.setattr(time, "time", lambda: true_time() + request.param / 1000)
    monkeypatch.setattr(time, "time_ns", lambda: true_time_ns() + request.param * 1_000_000)
    return right


async def test_leases_and_ends_follow_the_server(store: TestStore, wrong_clock: int) -> None:
    task = make_task(retention_ms=1_000)
    await store.enqueue(task)
    worker = store.worker()
    lease = await worker.lease_one(task)
    assert abs(lease.started_at_ms - wrong_clock) < 60_000
    lapses_at = float(await store.server.command("ZSCORE", "taskyard:{default}:active", task.id))
    assert lapses_at == lease.started_at_ms + LEASE_MS
    await worker.settlements.complete([Success(lease, 1)])
    found = await store.reader.find(task.id, ["default"])
    assert found is not None
    assert found.ended_at_ms is not None
    assert abs(found.ended_at_ms - wrong_clock) < 60_000


async def test_due_times_follow_the_server(store: TestStore, wrong_clock: int) -> None:
    due, ahead = make_task(process_at_ms=wrong_clock - 1_000), make_task(process_at_ms=wrong_clock + 3_600_000)
    states = [answer.state for answer in await store.enqueue(due, ahead)]
    assert states == [TaskState.PENDING, TaskState.SCHEDULED]
    await store.maintenance.promote(["default"])
    assert await store.state(ahead) is TaskState.SCHEDULED


async def test_retries_follow_the_server(store: TestStore, wrong_clock: int) -> None:
    task = make_task()
    await store.enqueue(task)
    worker = store.worker()
    await worker.settlements.fail([Failure(await worker.lease_one(task), 1, "no", retry_in_ms=3_600_000)])
    await store.maintenance.promote(["default"])
    found = await store.reader.find(task.id, ["default"])
    assert found is not None
    assert found.state is TaskState.RETRY
    assert abs(found.state_at_ms - wrong_clock - 3_600_000) < 60_000
