from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path

import pytest

from queuecore.domain.state import TaskState
from queuecore.domain.task import ArchiveReason, Outcome
from queuecore.testing.waiting import eventually
from tests.support.invariants import assert_invariants
from tests.support.service_process import ServiceProcess
from tests.support.system import System, work

OUTAGE_S = 6.0
"""Longer than a worker once waited for the store."""


@pytest.fixture
async def durable_system(tmp_path: Path) -> AsyncIterator[System]:
    """A system whose server syncs each write, because the test kills the server."""
    async with System(tmp_path, appendfsync="always") as made:
        yield made


async def test_tasks_run_elsewhere_at_no_cost_when_their_worker_is_stopped(system: System, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    await system.start_scheduler()
    # Nothing here depends on the length of a lease, and a short one expires on a busy machine.
    stopping = await system.start_worker(TASKYARD_WORKER_DRAIN="100ms", TASKYARD_WORKER_LEASE="60s")
    tasks = await system.enqueue(
        [
            *(work("coroutine", until=str(gate), max_retries=0) for _ in range(60)),
            *(work("child", until=str(gate), max_retries=0) for _ in range(2)),
        ]
    )
    await system.until_started(tasks)
    await system.start_worker(TASKYARD_WORKER_LEASE="60s")

    assert await system.stop(stopping) == 0
    await eventually(lambda: len(system.executions.started()) == 2 * len(tasks))
    gate.touch()
    await system.until_ended(len(tasks))

    for task in tasks:
        found = await system.find(task)
        assert [attempt.outcome for attempt in found.attempts] == [Outcome.COMPLETED]
        assert found.attempt == 1
    await assert_invariants(system, tasks)


async def test_outcomes_are_kept_when_the_store_is_unreachable_during_a_drain(
    durable_system: System, tmp_path: Path
) -> None:
    system = durable_system
    gate = tmp_path / "gate"
    await system.start_scheduler()
    worker = await system.start_worker(TASKYARD_WORKER_DRAIN="60s", TASKYARD_WORKER_LEASE="60s")
    tasks = await system.enqueue(work("coroutine", until=str(gate), max_retries=0) for _ in range(40))
    await system.until_started(tasks)

    system.valkey.kill()
    system.ask_to_stop(worker)
    await eventually(lambda: worker.logged("drain_started"))
    gate.touch()
    await eventually(lambda: _drained_without_store_s(worker) > OUTAGE_S, within_s=30)
    assert not worker.logged("drain_finished")
    system.valkey.start()

    assert await worker.wait() == 0
    await system.until_ended(len(tasks))
    for task in tasks:
        found = await system.find(task)
        assert [attempt.outcome for attempt in found.attempts] == [Outcome.COMPLETED]
    assert len(system.executions.started()) == len(tasks)
    await assert_invariants(system, tasks)


async def test_unfinished_tasks_are_released_when_the_store_returns_before_the_drain_ends(
    durable_system: System, tmp_path: Path
) -> None:
    system = durable_system
    worker = await system.start_worker(TASKYARD_WORKER_DRAIN="0s", TASKYARD_WORKER_LEASE="60s")
    tasks = await system.enqueue(work("coroutine", until=str(tmp_path / "gate"), max_retries=0) for _ in range(10))
    await system.until_started(tasks)

    system.valkey.kill()
    system.ask_to_stop(worker)
    await eventually(lambda: worker.logged("release_failed"))
    system.valkey.start()

    assert await worker.wait() == 0
    (ended,) = worker.logged("drain_finished")
    assert (ended["released"], ended["unsettled"]) == (len(tasks), 0)
    assert (await system.stats()).counts[TaskState.PENDING] == len(tasks)


async def test_worker_stops_in_bounded_time_when_a_thread_never_ends(system: System) -> None:
    await system.start_scheduler()
    worker = await system.start_worker(TASKYARD_WORKER_SLOTS="4", TASKYARD_WORKER_DRAIN="100ms")
    (endless,) = await system.enqueue([work("endless", timeout_ms=100, max_retries=0)])
    await eventually(lambda: worker.logged("task_failed"))
    others = await system.enqueue(work("thread", seconds=0.01) for _ in range(200))
    await system.until_ended(1 + len(others))

    assert (await system.find(endless)).reason is ArchiveReason.RETRIES_EXHAUSTED
    assert await worker.metric("taskyard_worker_stuck_threads") == 1
    assert await worker.metric("taskyard_worker_busy_slots") == 1
    assert await system.stop(worker) == 0
    await assert_invariants(system, [endless, *others])


async def test_worker_settles_and_stops_when_a_coroutine_ignores_its_cancellation(system: System) -> None:
    await system.start_scheduler()
    worker = await system.start_worker(TASKYARD_WORKER_SLOTS="4", TASKYARD_WORKER_DRAIN="1h")
    (deaf,) = await system.enqueue([work("deaf", timeout_ms=100, max_retries=0)])
    await eventually(lambda: worker.logged("handler_stuck"), within_s=15)
    others = await system.enqueue(work("thread", seconds=0.01) for _ in range(20))
    await system.until_ended(1 + len(others))

    assert (await system.find(deaf)).reason is ArchiveReason.RETRIES_EXHAUSTED
    assert await worker.metric("taskyard_worker_stuck_threads") == 1
    assert await worker.metric("taskyard_worker_busy_slots") == 1
    system.ask_to_stop(worker)
    await eventually(lambda: worker.logged("drain_started"))
    assert await system.stop(worker) == 0
    await assert_invariants(system, [deaf, *others])


async def test_tasks_are_released_when_a_coroutine_ignores_the_end_of_its_worker(system: System) -> None:
    worker = await system.start_worker(TASKYARD_WORKER_DRAIN="100ms", TASKYARD_WORKER_LEASE="60s")
    tasks = await system.enqueue([work("deaf", max_retries=0)])
    await system.until_started(tasks)

    assert await system.stop(worker) == 0
    assert (await system.stats()).counts[TaskState.PENDING] == 1


async def test_process_ends_after_the_grace_period_when_a_handler_blocks_the_event_loop_for_ever(
    system: System, tmp_path: Path
) -> None:
    worker = await system.start_worker(TASKYARD_WORKER_DRAIN="0s", TASKYARD_WORKER_LEASE="60s")
    tasks = await system.enqueue([work("blocking", until=str(tmp_path / "never"), fail_times=1)])
    await system.until_started(tasks)

    assert await system.stop(worker) == 1
    assert "block_loop" in worker.log


def _drained_without_store_s(worker: ServiceProcess) -> float:
    """The time from the start of the drain to the last failed settle, by the worker's log."""
    assert not worker.ended, worker.log
    begun, *_ = worker.logged("drain_started")
    failed = worker.logged("settle_failed")
    if not failed:
        return 0.0
    return (datetime.fromisoformat(failed[-1]["time"]) - datetime.fromisoformat(begun["time"])).total_seconds()
