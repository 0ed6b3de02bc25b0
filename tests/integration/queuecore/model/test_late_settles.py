"""Sequences that the model-based test has found, reduced to a few steps."""

from __future__ import annotations

import pytest

from queuecore.domain.state import TaskState
from queuecore.domain.task import Outcome
from queuecore.store.attempts.settlement import Failure, Success
from queuecore.store.scripts.replies import Reply
from queuecore.testing.builders import make_task
from queuecore.testing.store import TestStore, TestWorker


@pytest.fixture
def worker(store: TestStore) -> TestWorker:
    return store.worker()


async def test_settle_is_stale_when_it_was_for_an_earlier_task_with_the_same_id(
    store: TestStore, worker: TestWorker
) -> None:
    first, second = make_task(id="daily", retention_ms=0), make_task(id="daily", metadata={"day": "2"})
    await store.enqueue(first)
    early = await worker.lease_one(first)
    await worker.settlements.complete([Success(early, 1)])
    await store.enqueue(second)
    late = await store.worker("worker-2").lease_one(second)
    # The worker's first report was done, but its reply was lost.
    assert await worker.settlements.complete([Success(early, 1)]) == [Reply.STALE]
    assert await worker.settlements.fail([Failure(early, 1, "no")]) == [Reply.STALE]
    assert await worker.leases.renew([early]) == [Reply.STALE]
    assert await store.worker("worker-2").settlements.complete([Success(late, 1)]) == [Reply.DONE]


async def test_repeated_success_does_not_end_the_next_run_when_task_was_run_again(
    store: TestStore, worker: TestWorker
) -> None:
    task = make_task()
    await store.enqueue(task)
    lease = await worker.lease_one(task)
    await worker.settlements.complete([Success(lease, 1)])
    await store.control.run_now("default", task.id)
    assert await worker.settlements.complete([Success(lease, 1)]) == [Reply.STALE]
    assert await store.state(task) is TaskState.PENDING


async def test_released_task_stays_pending_when_its_last_holder_reports_success(
    store: TestStore, worker: TestWorker
) -> None:
    task = make_task()
    await store.enqueue(task)
    lease = await worker.lease_one(task)
    await worker.leases.release([lease])
    assert await worker.settlements.complete([Success(lease, 1)]) == [Reply.STALE]
    assert await store.state(task) is TaskState.PENDING


async def test_history_has_no_open_attempt_when_cancelled_task_is_released(
    store: TestStore, worker: TestWorker
) -> None:
    task = make_task()
    await store.enqueue(task)
    lease = await worker.lease_one(task)
    await worker.settlements.fail([Failure(lease, 1, "no", retry_in_ms=0)])
    await store.maintenance.promote(["default"])
    second = await worker.lease_one(task)
    await store.control.cancel("default", task.id)
    assert await worker.leases.release([second]) == [Reply.CANCELLED]
    found = await store.reader.find(task.id, ["default"])
    assert found is not None
    assert [attempt.outcome for attempt in found.attempts] == [Outcome.RETRY]
