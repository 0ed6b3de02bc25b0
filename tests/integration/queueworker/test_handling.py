from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from queuecore.domain.retry import RetryPolicy
from queuecore.domain.state import TaskState
from queuecore.domain.task import ArchiveReason, Outcome, Task
from queuecore.testing.builders import now_ms
from queuecore.testing.store import TestStore
from queuecore.testing.waiting import eventually
from tests.integration.queueworker import expectations
from tests.integration.queueworker.conftest import SHARED
from tests.integration.queueworker.expectations import (
    is_alive,
    outcomes,
    until_running,
    until_state,
    was_cancelled,
)
from tests.support.service_process import ServiceProcess

pytestmark = pytest.mark.usefixtures("worker")

HOUR_MS = 3_600_000


def order(kind: str, **changes: Any) -> Task:
    return expectations.order(kind, queue=SHARED, **changes)


@pytest.mark.parametrize("kind", ["async", "thread", "process"])
async def test_task_completes_with_what_its_handler_returns(
    store: TestStore, worker: ServiceProcess, kind: str
) -> None:
    task = order(kind, value=7, metadata={"from": "here"})
    await store.enqueue(task)
    found = await until_state(store, task, TaskState.COMPLETED)
    result = msgspec.json.decode(found.result or b"")
    assert (result["value"], result["metadata"]) == (7, {"from": "here"})
    assert (result["pid"] == worker.process.pid) is (kind != "process")
    token = await store.server.command("HGET", f"taskyard:{{{SHARED}}}:r:{task.id}", "token")
    assert result["fence"] == int(token)
    assert outcomes(found) == [Outcome.COMPLETED]


@pytest.mark.parametrize("kind", ["async", "thread", "process"])
async def test_task_is_archived_when_its_payload_is_not_what_the_handler_takes(store: TestStore, kind: str) -> None:
    task = order(kind, payload=b'{"value":"seven"}')
    await store.enqueue(task)
    found = await until_state(store, task, TaskState.ARCHIVED)
    assert found.reason is ArchiveReason.DO_NOT_RETRY
    assert "$.value" in found.last_error


@pytest.mark.parametrize("kind", ["busy", "busy:process"])
async def test_task_is_retried_when_the_handler_asks_for_it(store: TestStore, kind: str) -> None:
    task = order(kind, retry_policy=RetryPolicy(base_ms=HOUR_MS))
    await store.enqueue(task)
    found = await until_state(store, task, TaskState.COMPLETED)
    assert outcomes(found) == [Outcome.RETRY, Outcome.COMPLETED]
    assert found.attempts[0].error == "Retry: come back"


async def test_task_is_archived_when_the_handler_says_that_no_retry_helps(store: TestStore) -> None:
    task = order("refused")
    await store.enqueue(task)
    found = await until_state(store, task, TaskState.ARCHIVED)
    assert (found.reason, found.attempt) == (ArchiveReason.DO_NOT_RETRY, 1)
    assert found.last_error == "DoNotRetry: the account is closed"


async def test_failed_task_waits_as_its_policy_says(store: TestStore) -> None:
    task = order("failing", retry_policy=RetryPolicy(curve="constant", base_ms=HOUR_MS, max_ms=HOUR_MS, jitter=0))
    await store.enqueue(task)
    found = await until_state(store, task, TaskState.RETRY)
    ended_at_ms = found.attempts[0].ended_at_ms or 0
    assert abs(found.state_at_ms - ended_at_ms - HOUR_MS) < 5_000
    assert found.last_error == "ValueError: this never works"


@pytest.mark.parametrize("kind", ["failing", "failing:process"])
async def test_task_is_archived_when_its_retries_are_used_up(store: TestStore, kind: str) -> None:
    task = order(kind, max_retries=2)
    await store.enqueue(task)
    found = await until_state(store, task, TaskState.ARCHIVED)
    assert found.reason is ArchiveReason.RETRIES_EXHAUSTED
    assert outcomes(found) == [Outcome.RETRY, Outcome.RETRY, Outcome.ARCHIVED]
    assert found.last_error == "ValueError: this never works"


async def test_task_fails_when_its_handler_raises_what_utf_8_cannot_hold(store: TestStore) -> None:
    task = order("failing:surrogate", max_retries=0)
    await store.enqueue(task)
    found = await until_state(store, task, TaskState.ARCHIVED)
    assert found.last_error == "FileNotFoundError: no file caf\\udce9"


async def test_task_fails_when_no_handler_has_its_type(store: TestStore) -> None:
    task = order("nobody.knows", max_retries=0)
    await store.enqueue(task)
    found = await until_state(store, task, TaskState.ARCHIVED)
    assert "nobody.knows" in found.last_error
    (stats,) = await store.queues.stats([SHARED])
    assert stats.totals.processed == {("archived", "unhandled"): 1}


@pytest.mark.parametrize("kind", ["result:unfit", "result:unfit:process"])
async def test_task_is_archived_when_its_result_cannot_be_kept(store: TestStore, kind: str) -> None:
    task = order(kind)
    await store.enqueue(task)
    found = await until_state(store, task, TaskState.ARCHIVED)
    assert (found.reason, found.attempt) == (ArchiveReason.DO_NOT_RETRY, 1)


async def test_task_is_retried_when_its_process_was_killed(store: TestStore) -> None:
    task = order("dying:process")
    await store.enqueue(task)
    found = await until_state(store, task, TaskState.COMPLETED)
    assert outcomes(found) == [Outcome.RETRY, Outcome.COMPLETED]
    assert found.attempts[0].error.startswith("HandlerProcessDied")


@pytest.mark.parametrize("kind", ["failing:process:unpickled", "failing:process:unpickling"])
async def test_task_fails_when_the_error_cannot_leave_its_process(store: TestStore, kind: str) -> None:
    task, after = order(kind, max_retries=0), order("process")
    await store.enqueue(task)
    found = await until_state(store, task, TaskState.ARCHIVED)
    assert found.reason is ArchiveReason.RETRIES_EXHAUSTED
    assert "this and that" in found.last_error
    await store.enqueue(after)
    await until_state(store, after, TaskState.COMPLETED)


async def test_task_fails_when_its_handler_leaves_its_process(store: TestStore) -> None:
    task = order("leaving:process", max_retries=0)
    await store.enqueue(task)
    assert (await until_state(store, task, TaskState.ARCHIVED)).reason is ArchiveReason.RETRIES_EXHAUSTED


async def test_coroutine_is_cancelled_when_its_time_is_over(store: TestStore, gate: Path) -> None:
    task = order("waiting", until=gate, timeout_ms=100, max_retries=0)
    await store.enqueue(task)
    found = await until_state(store, task, TaskState.ARCHIVED)
    assert found.reason is ArchiveReason.RETRIES_EXHAUSTED
    assert "timeout" in found.last_error
    assert was_cancelled(gate)


async def test_process_is_killed_when_its_time_is_over(store: TestStore, gate: Path) -> None:
    # The process has to start first.
    warm = order("process")
    await store.enqueue(warm)
    await until_state(store, warm, TaskState.COMPLETED)
    task = order("waiting:process", until=gate, timeout_ms=1_000, max_retries=0)
    await store.enqueue(task)
    pid = await until_running(store, task)
    assert is_alive(pid)
    assert "timeout" in (await until_state(store, task, TaskState.ARCHIVED)).last_error
    assert not is_alive(pid)


async def test_thread_that_ignores_its_timeout_keeps_its_slot_until_it_ends(
    store: TestStore, worker: ServiceProcess, gate: Path
) -> None:
    task = order("waiting:thread", until=gate, timeout_ms=100, max_retries=0)
    await store.enqueue(task)
    await until_state(store, task, TaskState.ARCHIVED)
    assert await worker.metric("taskyard_worker_stuck_threads") == 1
    assert await worker.metric("taskyard_worker_busy_slots") == 1
    gate.touch()  # noqa: ASYNC240

    async def is_free() -> bool:
        return await worker.metric("taskyard_worker_busy_slots") == 0

    await eventually(is_free)
    assert await worker.metric("taskyard_worker_stuck_threads") == 0


async def test_task_is_archived_when_its_deadline_passes_while_it_runs(store: TestStore, gate: Path) -> None:
    task = order("waiting", until=gate, deadline_at_ms=now_ms() + 200)
    await store.enqueue(task)
    found = await until_state(store, task, TaskState.ARCHIVED)
    assert (found.reason, found.attempt) == (ArchiveReason.DEADLINE_EXCEEDED, 1)
    assert was_cancelled(gate)


async def test_task_is_not_run_when_its_deadline_has_passed(store: TestStore) -> None:
    task = order("async", deadline_at_ms=now_ms() - 1)
    await store.enqueue(task)
    found = await until_state(store, task, TaskState.ARCHIVED)
    assert (found.reason, found.result) == (ArchiveReason.DEADLINE_EXCEEDED, None)


@pytest.mark.parametrize("kind", ["waiting", "waiting:process"])
async def test_running_task_is_stopped_when_its_cancel_is_published(store: TestStore, gate: Path, kind: str) -> None:
    task = order(kind, until=gate)
    await store.enqueue(task)
    pid = await until_running(store, task)
    assert await store.control.cancel(SHARED, task.id) is TaskState.ACTIVE
    found = await until_state(store, task, TaskState.ARCHIVED)
    assert (found.reason, found.attempt) == (ArchiveReason.CANCELLED, 1)
    if kind == "waiting:process":
        assert not is_alive(pid)
    else:
        assert was_cancelled(gate)


async def test_handler_does_not_start_when_it_was_stopped_while_it_waited_for_a_process(
    store: TestStore, gate: Path, tmp_path: Path
) -> None:
    running = order("waiting:process", until=gate)
    await store.enqueue(running)
    pid = await until_running(store, running)
    mark = tmp_path / "started"
    stopped = order("touching:process", until=mark)
    await store.enqueue(stopped)

    async def is_leased() -> bool:
        return await store.state(stopped) is TaskState.ACTIVE

    await eventually(is_leased)
    await store.control.cancel(SHARED, stopped.id)
    await until_state(store, stopped, TaskState.ARCHIVED)
    gate.touch()  # noqa: ASYNC240
    last = order("process")
    await store.enqueue(last)
    result = msgspec.json.decode((await until_state(store, last, TaskState.COMPLETED)).result or b"")
    assert not mark.exists()
    assert result["pid"] == pid


async def test_history_names_the_worker(store: TestStore, worker: ServiceProcess) -> None:
    task = order("async")
    await store.enqueue(task)
    found = await until_state(store, task, TaskState.COMPLETED)
    assert found.attempts[0].worker == worker.logged("worker_started")[0]["worker"]
