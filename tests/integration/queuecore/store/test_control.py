from __future__ import annotations

import pytest

from queuecore.domain.state import TaskState
from queuecore.domain.task import ArchiveReason, UniqueLock
from queuecore.errors import TaskActive, TaskNotFound
from queuecore.store.scripts.replies import Reply
from queuecore.testing.builders import make_task, now_ms
from queuecore.testing.keyspace import read_keyspace
from queuecore.testing.store import TestStore

HOUR_MS = 3_600_000
LOCK = UniqueLock("digest", HOUR_MS)


async def test_cancel_archives_waiting_task_and_frees_its_lock(store: TestStore) -> None:
    task = make_task(process_at_ms=now_ms() + HOUR_MS, unique=LOCK)
    await store.enqueue(task)
    assert await store.control.cancel("default", task.id) is TaskState.ARCHIVED
    found = await store.reader.find(task.id, ["default"])
    assert found is not None
    assert (found.state, found.reason) == (TaskState.ARCHIVED, ArchiveReason.CANCELLED)
    await store.enqueue(make_task(unique=LOCK))


async def test_cancel_marks_running_task_and_notifies_its_worker_with_the_next_renewal(store: TestStore) -> None:
    task = make_task()
    await store.enqueue(task)
    worker = store.worker()
    lease = await worker.lease_one(task)
    assert await store.control.cancel("default", task.id) is TaskState.ACTIVE
    assert await worker.leases.renew([lease]) == [Reply.CANCELLED]
    found = await store.reader.find(task.id, ["default"])
    assert found is not None
    assert (found.state, found.cancel_requested) == (TaskState.ACTIVE, True)


async def test_cancelled_task_is_archived_when_its_worker_gives_it_back(store: TestStore) -> None:
    task = make_task(unique=LOCK)
    await store.enqueue(task)
    worker = store.worker()
    lease = await worker.lease_one(task)
    await store.control.cancel("default", task.id)
    assert await worker.leases.release([lease]) == [Reply.CANCELLED]
    assert await store.state(task) is TaskState.ARCHIVED
    assert "taskyard:{default}:u:digest" not in await read_keyspace(store.server)


async def test_cancelled_task_is_archived_when_its_worker_is_lost(store: TestStore) -> None:
    task = make_task(unique=LOCK)
    await store.enqueue(task)
    await store.worker().lease_one(task)
    await store.control.cancel("default", task.id)
    await store.expire_lease(task)
    assert await store.reclaim() == [Reply.CANCELLED]
    found = await store.reader.find(task.id, ["default"])
    assert found is not None
    assert (found.state, found.reason) == (TaskState.ARCHIVED, ArchiveReason.CANCELLED)


async def test_delete_leaves_nothing_of_the_task(store: TestStore) -> None:
    before = await read_keyspace(store.server)
    task = make_task(unique=LOCK)
    await store.enqueue(task)
    await store.control.delete("default", task.id)
    left = set(await read_keyspace(store.server)) - set(before)
    assert left == {"taskyard:queues", "taskyard:{default}:totals", "taskyard:{default}:wake"}


async def test_delete_refuses_running_task(store: TestStore) -> None:
    task = make_task()
    await store.enqueue(task)
    await store.worker().lease_one(task)
    before = await read_keyspace(store.server)
    with pytest.raises(TaskActive, match=task.id):
        await store.control.delete("default", task.id)
    assert await read_keyspace(store.server) == before


@pytest.mark.parametrize("verb", ["cancel", "delete", "run_now"])
async def test_control_refuses_task_that_does_not_exist(store: TestStore, verb: str) -> None:
    await store.enqueue(make_task(queue="other", id="elsewhere"))
    with pytest.raises(TaskNotFound, match="elsewhere"):
        await getattr(store.control, verb)("default", "elsewhere")


async def test_run_now_gives_archived_task_one_more_attempt_free_of_its_past(store: TestStore) -> None:
    task = make_task(max_retries=0)
    await store.enqueue(task)
    await store.worker().lease_one(task)
    await store.expire_lease(task)
    await store.reclaim()
    await store.control.run_now("default", task.id)
    lease = await store.worker().lease_one(task)
    assert lease.attempt == 2
    found = await store.reader.find(task.id, ["default"])
    assert found is not None
    assert (found.reason, found.ended_at_ms) == (None, None)
    assert (await read_keyspace(store.server))[f"taskyard:{{default}}:r:{task.id}"].keys() == {
        "token", "attempt", "last_error", "a:1", "a:2",
    }  # fmt: skip
