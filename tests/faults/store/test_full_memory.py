from __future__ import annotations

import pytest

from queuecore.domain.state import TaskState
from queuecore.errors import StoreFull
from queuecore.store.attempts.leases import Leased
from queuecore.store.attempts.settlement import Failure, Success
from queuecore.store.scripts.replies import Reply
from queuecore.store.tasks.enqueue import Enqueue, Enqueued
from queuecore.testing.builders import make_task
from queuecore.testing.keyspace import read_keyspace
from queuecore.testing.store import TestStore


async def fill(store: TestStore) -> None:
    """Set the memory limit below the current usage."""
    await store.server.command("CONFIG", "SET", "maxmemory", "1")


async def make_room(store: TestStore) -> None:
    await store.server.command("CONFIG", "SET", "maxmemory", "0")


async def test_nothing_is_half_written_when_memory_runs_out_in_the_middle(store: TestStore) -> None:
    used = int((await store.server.client.info("memory"))["used_memory"])
    await store.server.command("CONFIG", "SET", "maxmemory", used + 1_500_000)
    taken: set[str] = set()
    full = False
    while not full:
        tasks = [make_task(payload=b'{"x":"%b"}' % (b"y" * 2_000)) for _ in range(50)]
        answers = await store.enqueuer.enqueue([Enqueue(task) for task in tasks])
        assert all(isinstance(answer, Enqueued | StoreFull) for answer in answers)
        taken |= {answer.task_id for answer in answers if isinstance(answer, Enqueued)}
        full = any(isinstance(answer, StoreFull) for answer in answers)
    keyspace = await read_keyspace(store.server)
    assert set(keyspace["taskyard:{default}:pending"]) == taken
    assert keyspace["taskyard:{default}:totals"] == {"enqueued:demo": str(len(taken)).encode()}
    await make_room(store)
    await store.enqueue(make_task())


async def test_running_tasks_can_be_ended_when_memory_is_full(store: TestStore) -> None:
    tasks = [make_task() for _ in range(6)]
    await store.enqueue(*tasks)
    worker = store.worker()
    leases = await worker.lease()
    await store.expire_lease(tasks[4])
    await fill(store)
    assert await worker.leases.renew([leases[5]]) == [Reply.DONE]
    assert await worker.leases.report_progress([(leases[5], b"1")]) == [Reply.DONE]
    assert await worker.settlements.complete([Success(leases[0], 1)]) == [Reply.DONE]
    assert await worker.settlements.fail([Failure(leases[1], 1, "no", retry_in_ms=1_000)]) == [Reply.DONE]
    assert await worker.settlements.fail([Failure(leases[2], 1, "no")]) == [Reply.DONE]
    assert await worker.leases.release([leases[3]]) == [Reply.DONE]
    assert await store.reclaim() == [Reply.DONE]
    await make_room(store)


async def test_tasks_can_be_leased_cancelled_and_deleted_when_memory_is_full(store: TestStore) -> None:
    tasks = [make_task() for _ in range(4)]
    await store.enqueue(*tasks)
    await fill(store)
    assert await store.control.cancel("default", tasks[0].id) is TaskState.ARCHIVED
    await store.control.delete("default", tasks[1].id)
    (answer,) = await store.worker().leases.lease([("default", 1)])
    assert isinstance(answer, Leased)
    assert [lease.task.id for lease in answer.leases] == [tasks[2].id]
    await make_room(store)
    await store.server.command("ZADD", "taskyard:{default}:archived", "XX", 1, tasks[0].id)
    await fill(store)
    assert await store.maintenance.expire(["default"]) == [(1, False)]
    await make_room(store)


@pytest.mark.parametrize("queue", ["default", "never-used"])
async def test_enqueue_says_full_and_changes_nothing_when_memory_is_full(store: TestStore, queue: str) -> None:
    await store.enqueue(make_task())
    await fill(store)
    before = await read_keyspace(store.server)
    (answer,) = await store.enqueuer.enqueue([Enqueue(make_task(queue=queue), idempotency_digest="key")])
    assert isinstance(answer, StoreFull)
    assert await read_keyspace(store.server) == before
    await make_room(store)
