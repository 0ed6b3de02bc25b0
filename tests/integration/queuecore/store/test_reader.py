from __future__ import annotations

from queuecore.domain.state import TaskState
from queuecore.store.attempts.settlement import Success
from queuecore.store.tasks.enqueue import Enqueue
from queuecore.testing.builders import make_task, now_ms
from queuecore.testing.store import TestStore

MINUTE_MS = 60_000


async def test_find_searches_queues_in_order(store: TestStore) -> None:
    here, there = make_task(id="same"), make_task(id="same", queue="other")
    await store.enqueuer.enqueue([Enqueue(here), Enqueue(there)])
    for queues, expected in ((["default", "other"], here), (["other", "default"], there)):
        found = await store.reader.find("same", queues)
        assert found is not None
        assert found.task == expected
    assert await store.reader.find("same", ["none"]) is None
    assert await store.reader.find("none", ["default", "other"]) is None


async def test_search_finds_the_queues_of_an_id_in_two_round_trips_when_there_are_thousands(store: TestStore) -> None:
    queues = [f"queue-{number}" for number in range(2_500)]
    await store.enqueue(make_task(id="same", queue=queues[2_200]), make_task(id="same", queue=queues[1_100]))
    calls = 0

    def count_call(_seconds: float, _answered: bool) -> None:
        nonlocal calls
        calls += 1

    store.server.watch(count_call)

    assert await store.reader.search("same", queues) == [queues[1_100], queues[2_200]]
    assert calls == 3
    assert await store.reader.search("none", queues) == []
    assert calls == 4
    assert await store.reader.search("same", []) == []


async def test_find_reads_back_every_field_of_the_task(store: TestStore) -> None:
    task = make_task(priority=9, metadata={"user": "7"}, deadline_at_ms=now_ms() + MINUTE_MS, traceparent="00-a-b-01")
    await store.enqueue(task)
    found = await store.reader.find(task.id, ["default"])
    assert found is not None
    assert found.task == task


async def test_stats_count_states_and_due_tasks(store: TestStore) -> None:
    await store.enqueue(
        make_task(),
        make_task(),
        make_task(),
        make_task(process_at_ms=now_ms() + MINUTE_MS // 2),
        make_task(process_at_ms=now_ms() + 4 * MINUTE_MS),
        make_task(process_at_ms=now_ms() + 60 * MINUTE_MS),
    )
    worker = store.worker()
    first, _ = await worker.lease(limit=2)
    await worker.settlements.complete([Success(first, 1)])
    (stats,) = await store.queues.stats(["default"])
    assert stats.counts == {
        TaskState.PENDING: 1,
        TaskState.ACTIVE: 1,
        TaskState.SCHEDULED: 3,
        TaskState.RETRY: 0,
        TaskState.ARCHIVED: 0,
        TaskState.COMPLETED: 1,
    }
    assert stats.due == {0: 0, MINUTE_MS: 1, 5 * MINUTE_MS: 2}


async def test_oldest_pending_is_found_whatever_its_priority(store: TestStore) -> None:
    old = make_task(priority=0)
    await store.enqueue(old)
    score = float(await store.server.command("ZSCORE", "taskyard:{default}:pending", old.id))
    hour_in_units = 3_600_000_000 // 8
    await store.server.command("ZADD", "taskyard:{default}:pending", score - hour_in_units, old.id)
    await store.enqueue(*(make_task(priority=priority) for priority in (9, 5, 1)))
    (stats,) = await store.queues.stats(["default"])
    assert 3_600_000 <= stats.oldest_pending_ms < 3_660_000


async def test_oldest_pending_is_not_zero_while_tasks_are_released(store: TestStore) -> None:
    task = make_task()
    await store.enqueue(task)
    worker = store.worker()
    await worker.leases.release([await worker.lease_one(task)])
    entered = await store.reader.find(task.id, ["default"])
    assert entered is not None
    assert entered.state_at_ms > 0
    (stats,) = await store.queues.stats(["default"])
    assert stats.oldest_pending_ms >= 0
    assert stats.counts[TaskState.PENDING] == 1


async def test_stats_of_unknown_queue_are_empty(store: TestStore) -> None:
    (stats,) = await store.queues.stats(["none"])
    assert set(stats.counts.values()) == {0}
    assert stats.oldest_pending_ms == 0
