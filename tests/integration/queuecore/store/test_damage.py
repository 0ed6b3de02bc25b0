"""Damaged keys: one task that cannot be read is archived or dropped, and the others run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from queuecore.domain.state import TaskState
from queuecore.domain.task import Task
from queuecore.store.attempts.leases import Lease
from queuecore.store.attempts.maintenance import ExpiredLeases
from queuecore.store.attempts.settlement import Failure, Success
from queuecore.store.queues.overview import OverviewReader
from queuecore.store.scripts.keys import IDEMPOTENCY, QUEUES, TYPES, WORKER, WORKERS, envelope_key, queue_keys
from queuecore.store.scripts.replies import Reply
from queuecore.store.tasks.enqueue import Enqueue, Enqueued
from queuecore.testing.builders import make_task, now_ms
from queuecore.testing.keyspace import read_keyspace
from queuecore.testing.store import TestStore

KEYS = queue_keys("default")
HOUR_MS = 3_600_000
NOT_UTF_8 = b"\xff\xfe"

Damage = Callable[[TestStore, Task], Awaitable[object]]


async def make_list_of_envelope(store: TestStore, task: Task) -> None:
    await store.server.command("DEL", envelope_key(KEYS, task.id))
    await store.server.command("RPUSH", envelope_key(KEYS, task.id), "x")


async def make_text_of_record(store: TestStore, task: Task) -> None:
    await store.server.command("SET", f"{KEYS.prefix}r:{task.id}", "x")


async def empty_envelope(store: TestStore, task: Task) -> None:
    await store.damage(task, b"")


async def enqueue_damaged(store: TestStore, damage: Damage, **changes: object) -> tuple[Task, list[Task]]:
    """One damaged task and four others."""
    tasks = [make_task(**changes) for _ in range(5)]
    await store.enqueue(*tasks)
    await damage(store, tasks[2])
    return tasks.pop(2), tasks


async def test_other_tasks_are_leased_when_an_envelope_is_empty(store: TestStore) -> None:
    damaged, others = await enqueue_damaged(store, empty_envelope)
    worker = store.worker()
    answer = await worker.lease_call()
    assert [lease.task for lease in answer.leases] == others
    assert [each.task_id for each in answer.unreadable] == [damaged.id]
    assert await worker.settlements.archive_unreadable(answer.unreadable) == [Reply.DONE]
    assert list((await read_keyspace(store.server))[KEYS.archived]) == [damaged.id]


async def test_other_tasks_are_leased_when_an_envelope_is_no_text(store: TestStore) -> None:
    damaged, others = await enqueue_damaged(store, make_list_of_envelope)
    answer = await store.worker().lease_call()
    assert [lease.task for lease in answer.leases] == others
    assert (answer.unreadable, answer.orphans) == ([], 1)
    assert envelope_key(KEYS, damaged.id) not in await read_keyspace(store.server)


async def test_other_tasks_are_leased_when_an_id_is_no_text(store: TestStore) -> None:
    task = make_task()
    await store.enqueue(task)
    await store.server.command("ZADD", KEYS.pending, 1, NOT_UTF_8)
    answer = await store.worker().lease_call()
    assert [lease.task for lease in answer.leases] == [task]
    assert answer.orphans == 1


async def test_other_tasks_are_leased_when_an_id_with_an_envelope_is_no_text(store: TestStore) -> None:
    task = make_task()
    await store.enqueue(task)
    await store.server.command("ZADD", KEYS.pending, 1, NOT_UTF_8)
    await store.server.command("SET", KEYS.prefix.encode() + b"t:" + NOT_UTF_8, b"\x015")
    answer = await store.worker().lease_call()
    assert [lease.task for lease in answer.leases] == [task]
    await store.server.command("ZADD", KEYS.active, 1, NOT_UTF_8)
    await store.reclaim()
    keyspace = await read_keyspace(store.server)
    assert (list(keyspace[KEYS.active]), keyspace[KEYS.totals]["orphans"]) == ([task.id], b"1")


async def test_task_is_leased_when_its_record_is_no_hash(store: TestStore) -> None:
    damaged, others = await enqueue_damaged(store, make_text_of_record)
    worker = store.worker()
    leases = await worker.lease()
    assert {lease.task.id for lease in leases} == {damaged.id, *(task.id for task in others)}
    assert await worker.settlements.complete([Success(lease, 1) for lease in leases]) == [Reply.DONE] * 5


async def test_task_is_archived_when_the_settings_of_its_queue_are_no_hash(store: TestStore) -> None:
    task = make_task()
    await store.enqueue(task)
    (lease,) = await store.worker().lease()
    await store.server.command("SET", KEYS.settings, "x")
    assert await store.worker().settlements.fail([Failure(lease, 1, "it failed")]) == [Reply.DONE]
    assert await store.state(task) is TaskState.ARCHIVED


@pytest.mark.parametrize("damage", [empty_envelope, make_list_of_envelope])
async def test_other_tasks_are_promoted_when_an_envelope_is_damaged(store: TestStore, damage: Damage) -> None:
    damaged, others = await enqueue_damaged(store, damage, process_at_ms=now_ms() + HOUR_MS)
    for task in (damaged, *others):
        await store.server.command("ZADD", KEYS.scheduled, 5, task.id)
    await store.server.command("ZADD", KEYS.scheduled, 5, NOT_UTF_8)
    await store.maintenance.promote(["default"])
    answer = await store.worker().lease_call()
    assert {lease.task.id for lease in answer.leases} == {task.id for task in others}
    await store.worker().settlements.archive_unreadable(answer.unreadable)


@pytest.mark.parametrize("damage", [empty_envelope, make_list_of_envelope, make_text_of_record])
async def test_other_tasks_are_reclaimed_when_one_is_damaged(store: TestStore, damage: Damage) -> None:
    tasks = [make_task() for _ in range(3)]
    await store.enqueue(*tasks)
    await store.worker().lease()
    await damage(store, tasks[0])
    for task in tasks:
        await store.expire_lease(task)
    await store.server.command("ZADD", KEYS.active, 1, NOT_UTF_8)
    assert set(await store.reclaim()) == {Reply.DONE}
    assert [await store.state(task) for task in tasks[1:]] == [TaskState.RETRY] * 2
    (expired,) = await store.maintenance.find_expired_leases(["default"])
    assert isinstance(expired, ExpiredLeases)
    assert expired.leases == []


async def test_leases_of_a_worker_are_found_when_another_record_is_damaged(store: TestStore) -> None:
    first, second = make_task(), make_task()
    await store.enqueue(first, second)
    await store.worker().lease()
    await store.server.command("HSET", f"{KEYS.prefix}r:{first.id}", "a:1", b"\xc1")
    found = await store.maintenance.find_leases_of(["default"], ["worker-1"])
    assert [each.task_id for each in found] == [second.id]  # type: ignore[union-attr]


@pytest.mark.parametrize("damage", [empty_envelope, make_list_of_envelope, make_text_of_record])
async def test_other_tasks_expire_when_one_is_damaged(store: TestStore, damage: Damage) -> None:
    damaged, others = await enqueue_damaged(store, lambda *_: _nothing())
    for task in (damaged, *others):
        await store.control.cancel("default", task.id)
        await store.server.command("ZADD", KEYS.archived, 1, task.id)
    await damage(store, damaged)
    assert await store.maintenance.expire(["default"]) == [(5, False)]
    await store.server.command("DEL", KEYS.bytes)


async def _nothing() -> None:
    pass


@pytest.mark.parametrize("damage", [empty_envelope, make_text_of_record])
async def test_damaged_task_is_released_run_and_cancelled(store: TestStore, damage: Damage) -> None:
    damaged, others = await enqueue_damaged(store, damage)
    await store.control.run_now("default", damaged.id)
    await store.control.cancel("default", damaged.id)
    await store.control.run_now("default", damaged.id)
    worker = store.worker()
    answer = await worker.lease_call()
    ids = {lease.task.id for lease in answer.leases} | {each.task_id for each in answer.unreadable}
    assert ids == {damaged.id, *(task.id for task in others)}
    await worker.settlements.archive_unreadable(answer.unreadable)


async def test_release_keeps_the_task_when_its_envelope_is_empty(store: TestStore) -> None:
    task = make_task()
    await store.enqueue(task)
    worker = store.worker()
    lease: Lease = await worker.lease_one(task)
    await store.damage(task, b"")
    assert await worker.leases.release([lease]) == [Reply.DONE]
    answer = await worker.lease_call()
    assert await worker.settlements.archive_unreadable(answer.unreadable) == [Reply.DONE]


async def test_enqueue_succeeds_when_stored_answer_and_lock_are_damaged(store: TestStore) -> None:
    await store.server.command("SET", f"{KEYS.prefix}i:k", NOT_UTF_8)
    await store.server.command("SET", f"{IDEMPOTENCY}k", NOT_UTF_8)
    task = make_task()
    assert await store.enqueuer.enqueue([Enqueue(task, "k")]) == [Enqueued(task.id, TaskState.PENDING)]
    assert await store.idempotency.claim({"k": "mine"}) == {"k"}


async def test_task_is_found_when_its_record_has_damaged_fields(store: TestStore) -> None:
    task = make_task()
    await store.enqueue(task)
    fields = ("attempt", "x", "reason", "of a newer release", "a:1", b"\xc1", "a:x", "y", "last_error", NOT_UTF_8)
    await store.server.command("HSET", f"{KEYS.prefix}r:{task.id}", *fields, NOT_UTF_8, "z")
    found = await store.reader.find(task.id, ["default"])
    assert found is not None
    assert (found.attempt, found.reason, found.attempts) == (0, None, ())
    await make_text_of_record(store, task)
    assert await store.reader.find(task.id, ["default"]) is not None
    await store.control.delete("default", task.id)


async def test_lists_leave_out_what_is_damaged(store: TestStore) -> None:
    await store.enqueue(make_task())
    await store.server.command("SADD", QUEUES, NOT_UTF_8)
    await store.server.command("HSET", TYPES, "good", "null", NOT_UTF_8, "null")
    await store.server.command("ZADD", WORKERS, now_ms() + HOUR_MS, "w", now_ms() + HOUR_MS, NOT_UTF_8)
    await store.server.command("SET", WORKER + "w", "{}")
    await store.server.command("HSET", KEYS.totals, NOT_UTF_8, 1, "enqueued:other", "x")
    assert await store.queues.names() == ["default"]
    assert await store.directory.types() == {"good": b"null"}
    assert await store.directory.workers() == []
    overview = await OverviewReader(store.server).read()
    assert ([each.queue for each in overview.queues], overview.workers) == (["default"], [])
    assert overview.queues[0].totals.enqueued == {"demo": 1}
    await store.server.command("FLUSHALL")
