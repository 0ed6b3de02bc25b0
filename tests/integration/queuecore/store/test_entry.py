"""Every transition to pending records the time of entry: the age of the oldest task is never 0 while tasks wait."""

from __future__ import annotations

import pytest

from queuecore.domain.state import TaskState
from queuecore.domain.task import Task
from queuecore.store.attempts.maintenance import LIMIT, Reordering
from queuecore.store.attempts.settlement import Failure
from queuecore.store.queues.settings import QueueSettings
from queuecore.testing.builders import make_task, now_ms
from queuecore.testing.store import TestStore

HOUR_MS = 3_600_000
PENDING = "taskyard:{default}:pending"
BAND, HOUR_UNITS = 2**49, 3_600_000_000 // 8


async def enter(store: TestStore, task: Task, units: int) -> None:
    """Move the entry of a pending task by some units of 8 us."""
    await store.server.command("ZINCRBY", PENDING, units, task.id)


async def order_pending(store: TestStore, ageing_ms: int = 0) -> Reordering:
    (reordering,) = await store.maintenance.order_pending(["default"], ageing_ms)
    assert isinstance(reordering, Reordering)
    return reordering


async def leased(store: TestStore) -> list[str]:
    return [lease.task.id for lease in await store.worker().lease(limit=100)]


async def by_enqueue(store: TestStore) -> Task:
    task = make_task()
    await store.enqueue(task)
    return task


async def by_release(store: TestStore) -> Task:
    task = await by_enqueue(store)
    worker = store.worker()
    await worker.leases.release([await worker.lease_one(task)])
    return task


async def by_due_time(store: TestStore) -> Task:
    task = make_task(process_at_ms=now_ms() + HOUR_MS)
    await store.enqueue(task)
    await store.server.command("ZADD", "taskyard:{default}:scheduled", 1, task.id)
    await store.maintenance.promote(["default"])
    return task


async def by_retry(store: TestStore) -> Task:
    task = await by_enqueue(store)
    worker = store.worker()
    await worker.settlements.fail([Failure(await worker.lease_one(task), 1, "no", retry_in_ms=0)])
    await store.maintenance.promote(["default"])
    return task


async def by_lapse(store: TestStore) -> Task:
    task = await by_enqueue(store)
    await store.worker().lease_one(task)
    await store.expire_lease(task)
    await store.reclaim()
    await store.maintenance.promote(["default"])
    return task


async def by_wish(store: TestStore) -> Task:
    task = make_task(process_at_ms=now_ms() + HOUR_MS)
    await store.enqueue(task)
    await store.control.run_now("default", task.id)
    return task


@pytest.mark.parametrize("way", [by_enqueue, by_release, by_due_time, by_retry, by_lapse, by_wish])
async def test_way_into_pending_stamps_the_entry_and_wakes_a_worker(store: TestStore, way: object) -> None:
    before = now_ms()
    task = await way(store)  # type: ignore[operator]
    found = await store.reader.find(task.id, ["default"])
    assert found is not None
    assert found.state is TaskState.PENDING
    assert before - 1 <= found.state_at_ms <= now_ms() + 1
    assert await store.server.command("LLEN", "taskyard:{default}:wake") == 1


async def test_order_of_entry_holds_when_the_servers_clock_was_set_back(store: TestStore) -> None:
    first = await by_enqueue(store)
    await enter(store, first, HOUR_UNITS)
    second = await by_enqueue(store)
    assert [lease.task.id for lease in await store.worker().lease()] == [first.id, second.id]


async def oldest_pending_ms(store: TestStore) -> int:
    (stats,) = await store.queues.stats(["default"])
    return stats.oldest_pending_ms


async def test_age_of_the_oldest_task_is_known_when_the_clock_was_ahead_at_its_entry(store: TestStore) -> None:
    minute_ms = 60_000
    tasks = [make_task(enqueued_at_ms=now_ms() - (3 - n) * minute_ms) for n in range(3)]
    await store.enqueue(*tasks)
    for task in tasks:
        await enter(store, task, HOUR_UNITS)
    assert await order_pending(store) == Reordering(3, 0, more=False)
    assert 3 * minute_ms - 5 <= await oldest_pending_ms(store) < 3 * minute_ms + 10_000
    assert await order_pending(store) == Reordering(0, 0, more=False)
    later = await by_enqueue(store)
    assert await leased(store) == [*(task.id for task in tasks), later.id]


async def test_age_counts_from_the_last_known_time_when_a_retry_entered_ahead(store: TestStore) -> None:
    task = make_task(enqueued_at_ms=now_ms() - HOUR_MS)
    await store.enqueue(task)
    worker = store.worker()
    await worker.settlements.fail([Failure(await worker.lease_one(task), 1, "no", retry_in_ms=0)])
    await store.maintenance.promote(["default"])
    await enter(store, task, HOUR_UNITS)
    await order_pending(store)
    assert await oldest_pending_ms(store) < HOUR_MS / 2


async def test_entries_are_corrected_in_order_when_nothing_is_known_of_them(store: TestStore) -> None:
    tasks = [make_task(enqueued_at_ms=now_ms() + 2 * HOUR_MS) for _ in range(LIMIT + 1)]
    await store.enqueue(*tasks)
    for task in tasks:
        await enter(store, task, HOUR_UNITS)
    await store.damage(tasks[1])
    assert await order_pending(store) == Reordering(LIMIT, 0, more=True)
    assert await order_pending(store) == Reordering(1, 0, more=False)
    order = [each.decode() for each in await store.server.command("ZRANGE", PENDING, 0, -1)]
    assert order == [task.id for task in tasks]


async def test_task_counts_as_of_a_higher_priority_when_it_has_waited_long(store: TestStore) -> None:
    waits = {"new": 0, "one": 1.5, "seven": 7.5, "long": 30}
    tasks = {name: make_task(id=name, priority=0) for name in waits}
    natives = [make_task(id=f"priority {n}".replace(" ", "-"), priority=n) for n in (1, 6, 8, 9)]
    await store.enqueue(*tasks.values(), *natives)
    for name, hours in waits.items():
        await enter(store, tasks[name], -round(hours * HOUR_UNITS))
    assert await order_pending(store) == Reordering(0, 0, more=False)
    assert await order_pending(store, HOUR_MS) == Reordering(0, 3, more=False)
    assert await order_pending(store, HOUR_MS) == Reordering(0, 0, more=False)
    assert await oldest_pending_ms(store) >= 30 * HOUR_MS
    assert await leased(store) == [
        "long", "priority-9", "priority-8", "seven", "priority-6", "one", "priority-1", "new",
    ]  # fmt: skip


async def test_equal_tasks_keep_their_order_when_they_age_in_several_steps(store: TestStore) -> None:
    tasks = [make_task(priority=0) for _ in range(LIMIT + 100)]
    await store.enqueue(*tasks)
    for task in tasks:
        await enter(store, task, -2 * HOUR_UNITS)
    assert await order_pending(store, HOUR_MS) == Reordering(0, LIMIT, more=True)
    assert await order_pending(store, HOUR_MS) == Reordering(0, 100, more=False)
    order = [each.decode() for each in await store.server.command("ZRANGE", PENDING, 0, -1)]
    assert order == [task.id for task in tasks]


async def test_aged_task_keeps_its_place_when_it_is_released(store: TestStore) -> None:
    task, native = make_task(priority=0), make_task(priority=4)
    await store.enqueue(task, native)
    await enter(store, task, -5 * HOUR_UNITS)
    await order_pending(store, HOUR_MS)
    worker = store.worker()
    (lease,) = await worker.lease(limit=1)
    assert lease.task.id == task.id
    await worker.leases.release([lease])
    assert await leased(store) == [task.id, native.id]


async def test_ageing_of_the_queue_replaces_the_default(store: TestStore) -> None:
    task = make_task(priority=0)
    await store.enqueue(task)
    await enter(store, task, -2 * HOUR_UNITS)
    await store.queue_control.configure("default", QueueSettings(priority_ageing_ms=0))
    assert await order_pending(store, HOUR_MS) == Reordering(0, 0, more=False)
    await store.queue_control.configure("default", QueueSettings(priority_ageing_ms=HOUR_MS))
    assert await order_pending(store) == Reordering(0, 1, more=False)
