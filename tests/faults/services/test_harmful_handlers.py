from __future__ import annotations

import sys
from pathlib import Path

import pytest

from queuecore.domain.state import TaskState
from queuecore.domain.task import ArchiveReason, Outcome
from queuecore.testing.waiting import eventually
from tests.support.invariants import assert_invariants
from tests.support.recording_handlers import FAULT_EXIT_CODE
from tests.support.system import System, work


async def test_task_is_archived_as_poison_when_its_workers_die_twice_in_a_row(system: System, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    await system.start_scheduler(TASKYARD_SCHEDULER_POISON_LOSSES="2")
    first = await system.start_worker()
    others = await system.enqueue(work("coroutine", until=str(gate)) for _ in range(30))
    await system.until_started(others)
    (poison,) = await system.enqueue([work("exiting", fail_times=1000, priority=9)])
    assert await first.wait() == FAULT_EXIT_CODE
    await eventually(lambda: _are_pending(system, 31))

    # This worker leases only the poison task and dies of it.
    second = await system.start_worker(TASKYARD_WORKER_SLOTS="1")
    assert await second.wait() == FAULT_EXIT_CODE
    gate.touch()
    third = await system.start_worker()
    await system.until_ended(31)

    found = await system.find(poison)
    assert (found.state, found.reason) == (TaskState.ARCHIVED, ArchiveReason.POISON)
    assert [attempt.outcome for attempt in found.attempts] == [Outcome.LOST, Outcome.LOST]
    for task in others:
        assert [attempt.outcome for attempt in (await system.find(task)).attempts] == [Outcome.LOST, Outcome.COMPLETED]
    assert not third.ended
    await assert_invariants(system, [poison, *others])


async def test_tasks_that_shared_every_death_with_a_poisonous_one_are_completed(system: System, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    await system.start_scheduler(TASKYARD_SCHEDULER_POISON_LOSSES="2")
    others = await system.enqueue(work("coroutine", until=str(gate)) for _ in range(4))
    (poison,) = await system.enqueue([work("exiting", fail_times=1000, priority=0)])
    for _ in range(2):
        worker = await system.start_worker()
        assert await worker.wait() == FAULT_EXIT_CODE
    gate.touch()

    # All five have lost two workers. They are retried one at a time, so the next death is attributed to a single task.
    worker = await system.start_worker()
    assert await worker.wait() == FAULT_EXIT_CODE
    last = await system.start_worker()
    await system.until_ended(5)

    found = await system.find(poison)
    assert (found.state, found.reason) == (TaskState.ARCHIVED, ArchiveReason.POISON)
    assert [attempt.outcome for attempt in found.attempts] == [Outcome.LOST] * 3
    assert {(await system.find(task)).state for task in others} == {TaskState.COMPLETED}
    assert not last.ended
    await assert_invariants(system, [poison, *others])


async def test_tasks_beside_a_poisonous_one_do_not_lose_the_attempt(system: System, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    await system.start_scheduler(TASKYARD_SCHEDULER_POISON_LOSSES="2")
    (poison,) = await system.enqueue([work("exiting", fail_times=1000)])
    first = await system.start_worker()
    assert await first.wait() == FAULT_EXIT_CODE
    await eventually(lambda: _are_pending(system, 1))

    others = await system.enqueue(work("coroutine", until=str(gate), priority=9, max_retries=0) for _ in range(5))
    second = await system.start_worker()
    assert await second.wait() == FAULT_EXIT_CODE
    gate.touch()
    await system.start_worker()
    await system.until_ended(6)

    assert (await system.find(poison)).reason is ArchiveReason.POISON
    for task in others:
        found = await system.find(task)
        assert (found.state, found.attempt, found.excused) == (TaskState.COMPLETED, 2, 1)
        assert [attempt.outcome for attempt in found.attempts] == [Outcome.LOST, Outcome.COMPLETED]
    await assert_invariants(system, [poison, *others])


async def test_task_is_run_again_when_it_ended_its_worker_once(system: System) -> None:
    await system.start_scheduler(TASKYARD_SCHEDULER_POISON_LOSSES="2")
    await system.start_workers(2)
    (task,) = await system.enqueue([work("exiting", fail_times=1)])
    await system.until_ended(1)

    found = await system.find(task)
    assert [attempt.outcome for attempt in found.attempts] == [Outcome.LOST, Outcome.COMPLETED]
    await assert_invariants(system, [task])


async def test_only_their_own_task_fails_when_children_run_out_of_memory_or_are_killed(system: System) -> None:
    await system.start_scheduler()
    worker = await system.start_worker()
    harmed = await system.enqueue(
        work(kind, fail_times=1) for kind in ("out-of-memory", "killed-child") for _ in range(2)
    )
    others = await system.enqueue([*(work("coroutine") for _ in range(300)), *(work("child") for _ in range(60))])
    await system.until_ended(len(harmed) + len(others))

    errors = {}
    for task in harmed:
        found = await system.find(task)
        assert [attempt.outcome for attempt in found.attempts] == [Outcome.RETRY, Outcome.COMPLETED]
        errors[task.type] = found.attempts[0].error
    assert errors["out-of-memory"].startswith("MemoryError")
    assert errors["killed-child"].startswith("HandlerProcessDied")
    assert {(await system.find(task)).attempt for task in others} == {1}
    assert not worker.ended
    await assert_invariants(system, [*harmed, *others])


@pytest.mark.skipif(
    sys.platform != "linux", reason="whether children end was not tested: that needs /proc, which Linux has"
)
async def test_children_end_when_their_worker_is_killed(system: System, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    await system.start_scheduler()
    victim = await system.start_worker()
    tasks = await system.enqueue(work("child", until=str(gate)) for _ in range(2))
    await system.until_started(tasks)
    orphans = {entry.handler_pid for entry in system.executions.started()}

    victim.kill()
    gate.touch()
    await eventually(lambda: not any(_runs(pid) for pid in orphans))

    await system.start_worker()
    await system.until_ended(len(tasks))
    await assert_invariants(system, tasks)


async def _are_pending(system: System, number: int) -> bool:
    return (await system.stats()).counts[TaskState.PENDING] == number


def _runs(pid: int) -> bool:
    """Whether the process exists and is not a zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"
