"""Lost replies: the server has executed a call, and the caller does not get the reply."""

from __future__ import annotations

from queuecore.domain.state import TaskState
from queuecore.errors import StoreUnavailable
from queuecore.store.attempts.settlement import Failure, Success
from queuecore.store.scripts.replies import Reply
from queuecore.store.tasks.enqueue import Enqueue, Enqueued
from queuecore.testing.builders import make_task
from queuecore.testing.proxy import FaultyProxy
from queuecore.testing.store import LEASE_MS, TestStore

EVERY_TRY = 2
"""Attempts of a call: the client library retries once when a connection breaks."""


async def warm(store: TestStore) -> None:
    """Load the scripts and open a connection, because the next call is the one to be cut."""
    task = make_task(queue="warm", retention_ms=0)
    await store.enqueue(task)
    worker = store.worker()
    lease = await worker.lease_one(task)
    await worker.settlements.complete([Success(lease, 1)])
    await worker.settlements.fail([Failure(lease, 1, "")])


async def test_enqueue_exists_once_when_its_reply_was_lost_and_the_client_repeats_it(
    store: TestStore, far_store: TestStore, proxy: FaultyProxy
) -> None:
    await warm(far_store)
    proxy.cut_replies_to(b"EVALSHA")
    task = make_task()
    assert await far_store.enqueuer.enqueue([Enqueue(task)]) == [Enqueued(task.id, TaskState.PENDING, replayed=True)]
    (stats,) = await store.queues.stats(["default"])
    assert (stats.counts[TaskState.PENDING], stats.totals.enqueued) == (1, {"demo": 1})


async def test_enqueue_exists_once_when_every_reply_was_lost_and_the_caller_repeats_it(
    store: TestStore, far_store: TestStore, proxy: FaultyProxy
) -> None:
    await warm(far_store)
    proxy.cut_replies_to(b"EVALSHA", times=EVERY_TRY)
    task = make_task()
    first_id, again = Enqueue(task, idempotency_digest="key"), Enqueue(make_task(), idempotency_digest="key")
    (lost,) = await far_store.enqueuer.enqueue([first_id])
    assert isinstance(lost, StoreUnavailable)
    # The caller does not know the first id, so the repeated request has another one; the key identifies the task.
    assert await far_store.enqueuer.enqueue([again]) == [Enqueued(task.id, TaskState.PENDING, replayed=True)]
    (stats,) = await store.queues.stats(["default"])
    assert stats.counts[TaskState.PENDING] == 1


async def test_leased_tasks_come_back_after_their_lease_when_the_reply_was_lost(
    store: TestStore, far_store: TestStore, proxy: FaultyProxy
) -> None:
    await warm(far_store)
    task = make_task()
    await store.enqueue(task)
    proxy.cut_replies_to(b"EVALSHA", times=EVERY_TRY)
    (answer,) = await far_store.worker("deaf").leases.lease([("default", 10)])
    assert isinstance(answer, StoreUnavailable)
    (lapses,) = await store.maintenance.find_expired_leases(["default"])
    assert not isinstance(lapses, StoreUnavailable)
    assert 0 < (lapses.next_expiry_at_ms or 0) - lapses.now_ms <= LEASE_MS  # type: ignore[union-attr]
    await store.expire_lease(task)
    assert await store.reclaim() == [Reply.DONE]
    await store.maintenance.promote(["default"])
    assert (await store.worker().lease_one(task)).attempt == 2


async def test_success_counts_once_when_its_reply_was_lost(
    store: TestStore, far_store: TestStore, proxy: FaultyProxy
) -> None:
    await warm(far_store)
    task = make_task()
    await store.enqueue(task)
    worker = far_store.worker()
    lease = await worker.lease_one(task)
    proxy.cut_replies_to(b"EVALSHA", times=EVERY_TRY)
    (lost,) = await worker.settlements.complete([Success(lease, 5, b'"done"')])
    assert isinstance(lost, StoreUnavailable)
    assert await worker.settlements.complete([Success(lease, 5, b'"done"')]) == [Reply.DONE]
    (stats,) = await store.queues.stats(["default"])
    assert stats.totals.processed == {("completed", "demo"): 1}
    assert stats.totals.run["demo"].sum_ms == 5


async def test_failure_counts_once_when_its_reply_was_lost(
    store: TestStore, far_store: TestStore, proxy: FaultyProxy
) -> None:
    await warm(far_store)
    task = make_task()
    await store.enqueue(task)
    worker = far_store.worker()
    lease = await worker.lease_one(task)
    proxy.cut_replies_to(b"EVALSHA")
    assert await worker.settlements.fail([Failure(lease, 5, "no", retry_in_ms=60_000)]) == [Reply.STALE]
    found = await store.reader.find(task.id, ["default"])
    assert found is not None
    assert (found.state, found.retried) == (TaskState.RETRY, 1)
    (stats,) = await store.queues.stats(["default"])
    assert stats.totals.processed == {("retry", "demo"): 1}


async def test_pipeline_over_queues_is_done_once_when_its_replies_were_cut_in_the_middle(
    store: TestStore, far_store: TestStore, proxy: FaultyProxy
) -> None:
    await warm(far_store)
    tasks = [make_task(queue=f"queue-{number}") for number in range(50)]
    proxy.cut_replies_to(b"EVALSHA")
    answers = await far_store.enqueuer.enqueue([Enqueue(task) for task in tasks])
    again = await far_store.enqueuer.enqueue([Enqueue(task) for task in tasks])
    assert all(isinstance(answer, Enqueued | StoreUnavailable) for answer in answers)
    assert all(isinstance(answer, Enqueued) for answer in again)
    stats = await store.queues.stats([task.queue for task in tasks])
    assert [each.counts[TaskState.PENDING] for each in stats] == [1] * len(tasks)
