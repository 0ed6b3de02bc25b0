"""Every transition to pending records the time of entry: the age of the oldest task is never 0 while tasks wait."""

from __future__ import annotations

import pytest

from queuecore.domain.state import TaskState
from queuecore.domain.task import Task
from queuecore.store.attempts.settlement import Failure
from queuecore.testing.builders import make_task, now_ms
from queuecore.testing.store import TestStore

HOUR_MS = 3_600_000


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


@pytest.mark.parametrize("enter", [by_enqueue, by_release, by_due_time, by_retry, by_lapse, by_wish])
async def test_way_into_pending_stamps_the_entry_and_wakes_a_worker(store: TestStore, enter: object) -> None:
    before = now_ms()
    task = await enter(store)  # type: ignore[operator]
    found = await store.reader.find(task.id, ["default"])
    assert found is not None
    assert found.state is TaskState.PENDING
    assert before - 1 <= found.state_at_ms <= now_ms() + 1
    assert await store.server.command("LLEN", "taskyard:{default}:wake") == 1


async def test_order_of_entry_holds_when_the_servers_clock_was_set_back(store: TestStore) -> None:
    first = await by_enqueue(store)
    score = float(await store.server.command("ZSCORE", "taskyard:{default}:pending", first.id))
    hour_in_units = 3_600_000_000 // 8
    await store.server.command("ZADD", "taskyard:{default}:pending", score + hour_in_units, first.id)
    second = await by_enqueue(store)
    assert [lease.task.id for lease in await store.worker().lease()] == [first.id, second.id]
