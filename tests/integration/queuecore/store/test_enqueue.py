from __future__ import annotations

import pytest

from queuecore.domain.state import TaskState
from queuecore.domain.task import UniqueLock
from queuecore.store.scripts.keys import QUEUES, queue_keys
from queuecore.store.tasks.enqueue import Duplicate, Enqueue, Enqueued
from queuecore.testing.builders import make_task, now_ms
from queuecore.testing.keyspace import read_keyspace
from queuecore.testing.store import TestStore
from queuecore.wire import envelope

HOUR_MS = 3_600_000


async def test_enqueue_writes_id_envelope_and_totals_and_nothing_more(store: TestStore) -> None:
    task = make_task()
    (answer,) = await store.enqueue(task)
    assert answer == Enqueued(task.id, TaskState.PENDING)
    keyspace = await read_keyspace(store.server)
    pending = keyspace.pop("taskyard:{default}:pending")
    assert list(pending) == [task.id]
    assert keyspace == {
        QUEUES: {"default"},
        f"taskyard:{{default}}:t:{task.id}": envelope.encode(task),
        "taskyard:{default}:totals": {"enqueued:demo": b"1"},
        "taskyard:{default}:bytes": str(len(envelope.encode(task))).encode(),
        "taskyard:{default}:wake": [b"1"],
    }


async def test_enqueue_schedules_task_when_its_time_lies_ahead(store: TestStore) -> None:
    task = make_task(process_at_ms=now_ms() + HOUR_MS)
    (answer,) = await store.enqueue(task)
    assert answer.state is TaskState.SCHEDULED
    keyspace = await read_keyspace(store.server)
    assert keyspace["taskyard:{default}:scheduled"] == {task.id: task.process_at_ms}
    assert "taskyard:{default}:wake" not in keyspace


@pytest.mark.parametrize("process_at_ms", [1, 1_000_000_000_000])
async def test_enqueue_makes_task_pending_when_its_time_has_passed(store: TestStore, process_at_ms: int) -> None:
    (answer,) = await store.enqueue(make_task(process_at_ms=process_at_ms))
    assert answer.state is TaskState.PENDING


async def test_enqueue_refuses_task_when_its_id_exists(store: TestStore) -> None:
    first = make_task(id="mine")
    await store.enqueue(first)
    before = await read_keyspace(store.server)
    answers = await store.enqueuer.enqueue([Enqueue(make_task(id="mine", payload=b'{"other":1}'))])
    assert answers == [Duplicate("mine", by_lock=False)]
    assert await read_keyspace(store.server) == before


async def test_enqueue_changes_nothing_when_it_is_repeated_with_the_same_bytes(store: TestStore) -> None:
    task = make_task()
    await store.enqueue(task)
    before = await read_keyspace(store.server)
    assert await store.enqueue(task) == [Enqueued(task.id, TaskState.PENDING, replayed=True)]
    assert await read_keyspace(store.server) == before


async def test_enqueue_refuses_task_when_its_lock_is_held(store: TestStore) -> None:
    holder = make_task(unique=UniqueLock("digest", HOUR_MS))
    await store.enqueue(holder)
    before = await read_keyspace(store.server)
    answers = await store.enqueuer.enqueue([Enqueue(make_task(unique=UniqueLock("digest", HOUR_MS)))])
    assert answers == [Duplicate(holder.id, by_lock=True)]
    assert await read_keyspace(store.server) == before


async def test_enqueue_takes_no_lock_when_id_is_refused(store: TestStore) -> None:
    await store.enqueue(make_task(id="mine"))
    clash = make_task(id="mine", payload=b'{"other":1}', unique=UniqueLock("digest", HOUR_MS))
    await store.enqueuer.enqueue([Enqueue(clash)])
    assert "taskyard:{default}:u:digest" not in await read_keyspace(store.server)


async def test_enqueue_takes_lock_over_when_its_holder_does_not_exist(store: TestStore) -> None:
    holder = make_task(unique=UniqueLock("digest", HOUR_MS))
    await store.enqueue(holder)
    await store.server.command("DEL", f"taskyard:{{default}}:t:{holder.id}")
    (answer,) = await store.enqueue(make_task(unique=UniqueLock("digest", HOUR_MS)))
    assert not answer.replayed
    await store.worker().lease()


async def test_lock_falls_when_its_window_ends(store: TestStore) -> None:
    await store.enqueue(make_task(unique=UniqueLock("digest", HOUR_MS)))
    left_ms = await store.server.command("PTTL", "taskyard:{default}:u:digest")
    assert 0 < left_ms <= HOUR_MS
    await store.server.command("PEXPIRE", "taskyard:{default}:u:digest", 0)
    await store.enqueue(make_task(unique=UniqueLock("digest", HOUR_MS)))


async def test_enqueue_replays_first_answer_when_the_key_is_repeated(store: TestStore) -> None:
    first, again = make_task(), make_task(process_at_ms=now_ms() + HOUR_MS)
    answers = await store.enqueuer.enqueue(
        [Enqueue(first, idempotency_digest="key"), Enqueue(again, idempotency_digest="key")]
    )
    assert answers == [
        Enqueued(first.id, TaskState.PENDING),
        Enqueued(first.id, TaskState.PENDING, replayed=True),
    ]
    assert await store.state(again) is None


async def test_enqueue_accepts_tasks_independently_when_one_call_has_many(store: TestStore) -> None:
    lock = UniqueLock("digest", HOUR_MS)
    good, holder, equal, other = (
        make_task(),
        make_task(unique=lock),
        make_task(unique=lock),
        make_task(queue="other"),
    )
    answers = await store.enqueuer.enqueue([Enqueue(task) for task in (good, holder, equal, other)])
    assert answers == [
        Enqueued(good.id, TaskState.PENDING),
        Enqueued(holder.id, TaskState.PENDING),
        Duplicate(holder.id, by_lock=True),
        Enqueued(other.id, TaskState.PENDING),
    ]
    assert await store.queues.names() == ["default", "other"]


async def test_enqueue_accepts_an_id_once_when_one_call_has_it_twice(store: TestStore) -> None:
    first, other, repeated = make_task(id="a"), make_task(id="a", type="other"), make_task(id="b")
    answers = await store.enqueuer.enqueue([Enqueue(task) for task in (first, other, repeated, repeated)])
    assert answers == [
        Enqueued("a", TaskState.PENDING),
        Duplicate("a", by_lock=False),
        Enqueued("b", TaskState.PENDING),
        Enqueued("b", TaskState.PENDING, replayed=True),
    ]
    assert [lease.task for lease in await store.worker().lease()] == [first, repeated]


async def test_enqueue_keeps_order_when_a_batch_has_callers_ids(store: TestStore) -> None:
    tasks = [make_task(id=f"task-{9999 - number}") for number in range(450)]
    await store.enqueue(*tasks)
    leased = await store.worker().lease(limit=1000)
    assert [lease.task.id for lease in leased] == [task.id for task in tasks]


async def test_enqueue_keeps_one_token_when_nobody_sleeps(store: TestStore) -> None:
    await store.enqueue(*(make_task() for _ in range(5)))
    await store.enqueue(make_task())
    assert await store.server.command("LRANGE", queue_keys("default").wake, 0, -1) == [b"1"]
