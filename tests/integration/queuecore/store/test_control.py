from __future__ import annotations

import pytest

from queuecore.domain.state import TaskState
from queuecore.domain.task import ArchiveReason, Task, UniqueLock
from queuecore.errors import TaskActive, TaskNotFound, UniqueLockTaken
from queuecore.store.scripts.replies import Reply
from queuecore.store.tasks.enqueue import Duplicate, Enqueue
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


async def archived_with_lock(store: TestStore) -> Task:
    """A task whose unique lock is free because it has ended."""
    task = make_task(unique=LOCK)
    await store.enqueue(task)
    await store.control.cancel("default", task.id)
    return task


async def test_run_now_takes_the_unique_lock_again_when_it_is_free(store: TestStore) -> None:
    task = await archived_with_lock(store)
    await store.control.run_now("default", task.id)
    (refused,) = await store.enqueuer.enqueue([Enqueue(make_task(unique=LOCK))])
    assert refused == Duplicate(task.id, by_lock=True)
    window_ms = await store.server.command("PTTL", f"taskyard:{{default}}:u:{LOCK.digest}")
    assert LOCK.window_ms / 2 < window_ms <= LOCK.window_ms


@pytest.mark.parametrize("ended", [True, False])
async def test_run_now_changes_nothing_when_another_task_holds_the_unique_lock(store: TestStore, ended: bool) -> None:
    task = make_task(unique=LOCK, process_at_ms=now_ms() + LOCK.window_ms)
    await store.enqueue(task)
    if ended:
        await store.control.cancel("default", task.id)
    else:
        await store.server.command("DEL", f"taskyard:{{default}}:u:{LOCK.digest}")
    holder = make_task(unique=LOCK)
    await store.enqueue(holder)
    before = await read_keyspace(store.server)
    with pytest.raises(UniqueLockTaken) as caught:
        await store.control.run_now("default", task.id)
    assert caught.value.holder == holder.id
    assert await read_keyspace(store.server) == before


async def test_run_now_keeps_the_window_of_the_lock_when_the_task_holds_it(store: TestStore) -> None:
    task = make_task(unique=LOCK, process_at_ms=now_ms() + LOCK.window_ms)
    await store.enqueue(task)
    await store.server.command("PEXPIRE", f"taskyard:{{default}}:u:{LOCK.digest}", 1_000_000)
    await store.control.run_now("default", task.id)
    assert await store.server.command("PTTL", f"taskyard:{{default}}:u:{LOCK.digest}") <= 1_000_000
