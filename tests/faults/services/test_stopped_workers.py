from __future__ import annotations

from pathlib import Path

from queuecore.domain.task import ArchiveReason, Outcome
from queuecore.testing.waiting import eventually
from tests.faults.services.audit import audit
from tests.faults.services.yard import Yard, work


async def test_tasks_run_elsewhere_at_no_cost_when_their_worker_is_stopped(yard: Yard, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    await yard.start_scheduler()
    stopping = await yard.start_worker(TASKYARD_WORKER_DRAIN="100ms")
    tasks = await yard.enqueue(
        [
            *(work("coroutine", until=str(gate), max_retries=0) for _ in range(60)),
            *(work("child", until=str(gate), max_retries=0) for _ in range(2)),
        ]
    )
    await yard.until_started(tasks)
    await yard.start_worker()

    assert await yard.stop(stopping) == 0
    await eventually(lambda: len(yard.journal.started()) == 2 * len(tasks))
    gate.touch()
    await yard.until_ended(len(tasks))

    for task in tasks:
        found = await yard.find(task)
        assert [attempt.outcome for attempt in found.attempts] == [Outcome.COMPLETED]
        assert found.attempt == 1
    await audit(yard, tasks)


async def test_worker_stops_in_bounded_time_when_a_thread_never_ends(yard: Yard) -> None:
    await yard.start_scheduler()
    worker = await yard.start_worker(TASKYARD_WORKER_SLOTS="4", TASKYARD_WORKER_DRAIN="100ms")
    (endless,) = await yard.enqueue([work("endless", timeout_ms=100, max_retries=0)])
    await eventually(lambda: worker.said("task_failed"))
    others = await yard.enqueue(work("thread", seconds=0.01) for _ in range(200))
    await yard.until_ended(1 + len(others))

    assert (await yard.find(endless)).reason is ArchiveReason.RETRIES_EXHAUSTED
    assert await worker.metric("taskyard_worker_stuck_threads") == 1
    assert await worker.metric("taskyard_worker_busy_slots") == 1
    assert await yard.stop(worker) == 0
    await audit(yard, [endless, *others])
