from __future__ import annotations

import pytest

from queuecore.domain.state import TaskState
from queuecore.domain.task import ArchiveReason, Attempt, AttemptNumber, FencingToken, Outcome, UniqueLock
from queuecore.domain.timestamp import format_rfc3339
from queuecore.store.attempts.leases import Lease
from queuecore.store.attempts.settlement import Failure, Success
from queuecore.store.scripts.replies import Reply
from queuecore.testing.builders import make_task
from queuecore.testing.keyspace import read_keyspace
from queuecore.testing.store import TestStore, TestWorker

HOUR_MS = 3_600_000
LOCK = UniqueLock("digest", HOUR_MS)
LOCK_KEY = "taskyard:{default}:u:digest"


@pytest.fixture
def worker(store: TestStore) -> TestWorker:
    return store.worker()


async def leased(store: TestStore, worker: TestWorker, **changes: object) -> Lease:
    task = make_task(**changes)
    await store.enqueue(task)
    return await worker.lease_one(task)


async def test_complete_keeps_result_and_history_for_the_retention(store: TestStore, worker: TestWorker) -> None:
    lease = await leased(store, worker, retention_ms=HOUR_MS, unique=LOCK)
    assert await worker.settlements.complete([Success(lease, 12, b'{"sum":3}')]) == [Reply.DONE]
    found = await store.reader.find(lease.task.id, ["default"])
    assert found is not None
    assert found.state is TaskState.COMPLETED
    assert found.result == b'{"sum":3}'
    assert found.ended_at_ms is not None
    assert found.state_at_ms == found.ended_at_ms + HOUR_MS
    assert found.attempts == (
        Attempt(
            number=1,
            worker="worker-1",
            pod="pod-of-worker-1",
            started_at_ms=lease.started_at_ms,
            ended_at_ms=lease.started_at_ms + 12,
            outcome=Outcome.COMPLETED,
        ),
    )
    assert LOCK_KEY not in await read_keyspace(store.server)


async def test_complete_leaves_only_totals_when_retention_is_zero(store: TestStore, worker: TestWorker) -> None:
    lease = await leased(store, worker, retention_ms=0, unique=LOCK)
    await worker.settlements.complete([Success(lease, 3)])
    assert set(await read_keyspace(store.server)) == {"taskyard:queues", "taskyard:{default}:totals"}


async def test_complete_counts_once_when_sent_twice(store: TestStore, worker: TestWorker) -> None:
    lease = await leased(store, worker)
    await worker.settlements.complete([Success(lease, 3)])
    before = await read_keyspace(store.server)
    assert await worker.settlements.complete([Success(lease, 3)]) == [Reply.DONE]
    assert await read_keyspace(store.server) == before


async def test_complete_settles_tasks_independently_when_one_call_has_many(
    store: TestStore, worker: TestWorker
) -> None:
    tasks = [make_task(queue=queue) for queue in ("one", "two", "one")]
    await store.enqueue(*tasks)
    leases = [*await worker.lease(queue="one"), *await worker.lease(queue="two")]
    stale = Lease(make_task(queue="two"), FencingToken(1), AttemptNumber(1), 0, 0)
    replies = await worker.settlements.complete([Success(each, 1) for each in (leases[0], stale, *leases[1:])])
    assert replies == [Reply.DONE, Reply.STALE, Reply.DONE, Reply.DONE]


async def test_complete_settles_each_task_once_when_one_call_has_late_and_repeated_successes(
    store: TestStore, worker: TestWorker
) -> None:
    late, cancelled, completed, current = [await leased(store, worker) for _ in range(4)]
    await worker.settlements.complete([Success(completed, 1)])
    for lease in (late, cancelled):
        await store.expire_lease(lease.task)
    await store.reclaim()
    await store.control.cancel("default", cancelled.task.id)

    sent = [late, current, cancelled, completed, current, late]
    replies = await worker.settlements.complete([Success(lease, 1) for lease in sent])

    assert replies == [Reply.DONE, Reply.DONE, Reply.STALE, Reply.DONE, Reply.DONE, Reply.DONE]
    keyspace = await read_keyspace(store.server)
    assert set(keyspace["taskyard:{default}:completed"]) == {lease.task.id for lease in (late, current, completed)}
    assert set(keyspace["taskyard:{default}:archived"]) == {cancelled.task.id}
    assert not {"taskyard:{default}:active", "taskyard:{default}:retry"} & set(keyspace)
    assert keyspace["taskyard:{default}:totals"]["processed:completed:demo"] == b"3"


async def test_complete_answers_stale_when_an_earlier_success_of_the_call_deleted_the_task(
    store: TestStore, worker: TestWorker
) -> None:
    lease = await leased(store, worker, retention_ms=0)
    assert await worker.settlements.complete([Success(lease, 1)] * 2) == [Reply.DONE, Reply.STALE]


async def test_totals_are_summed_by_type_and_bucket_when_one_call_has_many(
    store: TestStore, worker: TestWorker
) -> None:
    leases = [await leased(store, worker, type=name) for name in ("one", "two", "one")]
    await worker.settlements.complete([Success(*each) for each in zip(leases, (1, 7, 60), strict=True)])
    (stats,) = await store.queues.stats(["default"])
    assert stats.totals.processed == {("completed", "one"): 2, ("completed", "two"): 1}
    assert {name: (run.sum_ms, sum(run.counts)) for name, run in stats.totals.run.items()} == {
        "one": (61, 2),
        "two": (7, 1),
    }
    assert {name: sum(wait.counts) for name, wait in stats.totals.wait.items()} == {"one": 2, "two": 1}


async def test_late_success_is_kept_when_nobody_leased_the_task_again(store: TestStore, worker: TestWorker) -> None:
    lease = await leased(store, worker, unique=LOCK)
    await store.expire_lease(lease.task)
    await store.reclaim()
    assert await store.state(lease.task) is TaskState.RETRY
    assert await worker.settlements.complete([Success(lease, 3, b"1")]) == [Reply.DONE]
    assert await store.state(lease.task) is TaskState.COMPLETED


async def test_late_success_is_kept_when_task_was_archived_as_lost(store: TestStore, worker: TestWorker) -> None:
    lease = await leased(store, worker, max_retries=0)
    await store.expire_lease(lease.task)
    await store.reclaim()
    assert await store.state(lease.task) is TaskState.ARCHIVED
    assert await worker.settlements.complete([Success(lease, 3)]) == [Reply.DONE]
    found = await store.reader.find(lease.task.id, ["default"])
    assert found is not None
    assert (found.state, found.reason, found.last_error) == (TaskState.COMPLETED, None, "")


@pytest.mark.parametrize(("max_retries", "before"), [(0, "archived"), (1, "retry")])
async def test_late_successes_are_counted_apart_when_their_attempts_were_lost(
    store: TestStore, worker: TestWorker, max_retries: int, before: str
) -> None:
    lease = await leased(store, worker, max_retries=max_retries)
    await store.expire_lease(lease.task)
    await store.reclaim()
    for _ in range(2):
        assert await worker.settlements.complete([Success(lease, 3)]) == [Reply.DONE]
    (stats,) = await store.queues.stats(["default"])
    totals = stats.totals
    assert totals.late == {(before, "demo"): 1}
    assert sum(totals.processed.values()) - sum(totals.late.values()) == 1
    assert sum(totals.archived.values()) - totals.late.get(("archived", "demo"), 0) == 0


async def test_late_success_is_refused_when_task_was_leased_again(store: TestStore, worker: TestWorker) -> None:
    lease = await leased(store, worker)
    await store.expire_lease(lease.task)
    await store.reclaim()
    await store.maintenance.promote(["default"])
    second = await store.worker("worker-2").lease_one(lease.task)
    assert await worker.settlements.complete([Success(lease, 3)]) == [Reply.STALE]
    assert second.attempt == 2
    assert await store.state(lease.task) is TaskState.ACTIVE


async def test_late_success_is_refused_when_task_was_cancelled_meanwhile(store: TestStore, worker: TestWorker) -> None:
    lease = await leased(store, worker)
    await store.expire_lease(lease.task)
    await store.reclaim()
    await store.control.cancel("default", lease.task.id)
    assert await worker.settlements.complete([Success(lease, 3)]) == [Reply.STALE]
    assert await store.state(lease.task) is TaskState.ARCHIVED


async def test_success_is_refused_when_task_is_deleted(store: TestStore, worker: TestWorker) -> None:
    lease = await leased(store, worker)
    await store.expire_lease(lease.task)
    await store.reclaim()
    await store.control.delete("default", lease.task.id)
    assert await worker.settlements.complete([Success(lease, 3)]) == [Reply.STALE]
    assert await store.state(lease.task) is None


async def test_fail_schedules_retry_when_there_is_a_delay(store: TestStore, worker: TestWorker) -> None:
    lease = await leased(store, worker, unique=LOCK)
    assert await worker.settlements.fail([Failure(lease, 7, "ValueError: no", retry_in_ms=5_000)]) == [Reply.DONE]
    found = await store.reader.find(lease.task.id, ["default"])
    assert found is not None
    assert found.state is TaskState.RETRY
    assert (found.retried, found.last_error, found.ended_at_ms) == (1, "ValueError: no", None)
    assert 0 < found.state_at_ms - lease.started_at_ms - 5_000 < 60_000 or found.state_at_ms >= lease.started_at_ms
    assert found.attempts[0].outcome is Outcome.RETRY
    assert LOCK_KEY in await read_keyspace(store.server)


async def test_due_time_can_be_formatted_when_the_delay_has_no_bound(store: TestStore, worker: TestWorker) -> None:
    lease = await leased(store, worker)
    await worker.settlements.fail([Failure(lease, 7, "no", retry_in_ms=10**15)])
    found = await store.reader.find(lease.task.id, ["default"])
    assert found is not None
    assert format_rfc3339(found.state_at_ms) > "2100"


async def test_due_time_can_be_formatted_when_an_earlier_release_stored_it_without_bound(
    store: TestStore, worker: TestWorker
) -> None:
    lease = await leased(store, worker)
    await worker.settlements.fail([Failure(lease, 7, "no", retry_in_ms=1)])
    await store.server.command("ZADD", "taskyard:{default}:retry", 10**15, lease.task.id)
    found = await store.reader.find(lease.task.id, ["default"])
    assert found is not None
    assert format_rfc3339(found.state_at_ms) == "9999-12-31T23:59:59.999Z"


async def test_fail_archives_when_there_is_no_delay(store: TestStore, worker: TestWorker) -> None:
    lease = await leased(store, worker, unique=LOCK)
    await worker.settlements.fail([Failure(lease, 7, "no", reason=ArchiveReason.DO_NOT_RETRY)])
    found = await store.reader.find(lease.task.id, ["default"])
    assert found is not None
    assert (found.state, found.reason) == (TaskState.ARCHIVED, ArchiveReason.DO_NOT_RETRY)
    assert found.attempts[0].outcome is Outcome.ARCHIVED
    assert LOCK_KEY not in await read_keyspace(store.server)


async def test_fail_archives_whatever_was_decided_when_cancel_was_asked_for(
    store: TestStore, worker: TestWorker
) -> None:
    lease = await leased(store, worker, unique=LOCK)
    await store.control.cancel("default", lease.task.id)
    assert await worker.settlements.fail([Failure(lease, 7, "no", retry_in_ms=1)]) == [Reply.CANCELLED]
    found = await store.reader.find(lease.task.id, ["default"])
    assert found is not None
    assert (found.state, found.reason) == (TaskState.ARCHIVED, ArchiveReason.CANCELLED)
    assert LOCK_KEY not in await read_keyspace(store.server)


async def test_unlock_keeps_lock_when_another_task_holds_it(store: TestStore, worker: TestWorker) -> None:
    lease = await leased(store, worker, unique=LOCK)
    await store.server.command("DEL", LOCK_KEY)
    heir = make_task(unique=LOCK)
    await store.enqueue(heir)
    await worker.settlements.complete([Success(lease, 1)])
    assert await store.server.command("GET", LOCK_KEY) == heir.id.encode()


async def test_totals_have_outcomes_and_times(store: TestStore, worker: TestWorker) -> None:
    for run_ms in (1, 7, 1_000_000):
        await worker.settlements.complete([Success(await leased(store, worker), run_ms)])
    await worker.settlements.fail([Failure(await leased(store, worker), 60, "no", retry_in_ms=1_000)])
    (stats,) = await store.queues.stats(["default"])
    totals = stats.totals
    assert totals.enqueued == {"demo": 4}
    assert totals.processed == {("completed", "demo"): 3, ("retry", "demo"): 1}
    run = totals.run["demo"]
    assert run.sum_ms == 1_000_068
    assert {bound: count for bound, count in zip((*run.bounds_ms, None), run.counts, strict=True) if count} == {
        1: 1,
        10: 1,
        100: 1,
        None: 1,
    }
    assert sum(totals.wait["demo"].counts) == 4
