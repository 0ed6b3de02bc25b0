"""Limits of queues."""

from __future__ import annotations

import pytest

from queuecore.domain.state import TaskState
from queuecore.domain.task import Task
from queuecore.store.attempts.settlement import Success
from queuecore.store.queues.limits import QueueLimits
from queuecore.store.tasks.enqueue import Enqueue, Enqueued, Enqueuer, QueueFull
from queuecore.testing.builders import make_task, now_ms
from queuecore.testing.keyspace import read_keyspace
from queuecore.testing.model import ANSWER_BYTES
from queuecore.testing.store import TestStore
from queuecore.testing.waiting import eventually
from queuecore.wire import envelope

HOUR_MS = 3_600_000
ANSWERS = "taskyard:{default}:answer_bytes"


def _size(task: Task) -> int:
    return len(envelope.encode(task))


async def _try(store: TestStore, *tasks: Task) -> list[object]:
    return list(await store.enqueuer.enqueue([Enqueue(task) for task in tasks]))


async def _used(store: TestStore) -> int:
    (stats,) = await store.queues.stats(["default"])
    return stats.bytes


async def test_tasks_beyond_max_depth_are_refused_and_leave_nothing(store: TestStore) -> None:
    await store.queue_control.limit("default", QueueLimits(max_depth=2))
    first, second, third = make_task(), make_task(process_at_ms=now_ms() + HOUR_MS), make_task()
    answers = await _try(store, first, second, third)
    assert answers == [
        Enqueued(first.id, TaskState.PENDING),
        Enqueued(second.id, TaskState.SCHEDULED),
        QueueFull("default", "max_depth", maximum=2, held=2, needed=1),
    ]
    assert await store.state(third) is None
    (stats,) = await store.queues.stats(["default"])
    assert (stats.waiting, stats.bytes) == (2, _size(first) + _size(second))


async def test_running_and_ended_tasks_do_not_count_for_max_depth(store: TestStore) -> None:
    await store.queue_control.limit("default", QueueLimits(max_depth=1))
    worker, running, ended = store.worker(), make_task(), make_task(retention_ms=HOUR_MS)
    await store.enqueue(ended)
    await worker.settlements.complete([Success(await worker.lease_one(ended), 1, b"")])
    await store.enqueue(running)
    await worker.lease_one(running)
    await store.enqueue(make_task())


async def test_tasks_beyond_max_bytes_are_refused_until_others_are_deleted(store: TestStore) -> None:
    first, second = make_task(retention_ms=0), make_task()
    await store.queue_control.limit("default", QueueLimits(max_bytes=_size(first) + _size(second) - 1))
    await store.enqueue(first)
    assert await _try(store, second) == [
        QueueFull(
            "default", "max_bytes", maximum=_size(first) + _size(second) - 1, held=_size(first), needed=_size(second)
        )
    ]
    worker = store.worker()
    await worker.settlements.complete([Success(await worker.lease_one(first), 1, b"")])
    await store.enqueue(second)


async def test_repeated_enqueue_is_answered_as_before_when_queue_is_full(store: TestStore) -> None:
    await store.queue_control.limit("default", QueueLimits(max_depth=1))
    task = make_task()
    await store.enqueue(task)
    assert await _try(store, task) == [Enqueued(task.id, TaskState.PENDING, replayed=True)]


async def test_lost_envelopes_do_not_fill_a_queue_for_ever(store: TestStore) -> None:
    lost, task = make_task(), make_task()
    await store.queue_control.limit("default", QueueLimits(max_bytes=_size(task)))
    await store.enqueue(lost)
    await store.server.command("DEL", f"taskyard:{{default}}:t:{lost.id}")
    assert isinstance((await _try(store, task))[0], QueueFull)
    assert await store.worker().lease() == []
    await store.enqueue(task)
    (stats,) = await store.queues.stats(["default"])
    assert stats.bytes == _size(task)


async def test_own_limit_overrides_the_default(store: TestStore) -> None:
    enqueuer = Enqueuer(store.server, QueueLimits(max_depth=1))
    await store.queue_control.limit("wide", QueueLimits(max_depth=2))
    wide = [make_task(queue="wide") for _ in range(3)]
    narrow = [make_task(queue="narrow") for _ in range(2)]
    answers = await enqueuer.enqueue([Enqueue(task) for task in (*wide, *narrow)])
    assert [isinstance(answer, QueueFull) for answer in answers] == [False, False, True, False, True]


@pytest.mark.parametrize("limits", [QueueLimits(), QueueLimits(max_depth=0), QueueLimits(7, 8)])
async def test_limits_are_read_as_they_were_written(store: TestStore, limits: QueueLimits) -> None:
    await store.queue_control.limit("default", QueueLimits(1, 1))
    await store.queue_control.limit("default", limits)
    (stats,) = await store.queues.stats(await store.queues.names())
    assert stats.limits == limits


async def test_queue_that_is_closed_takes_nothing(store: TestStore) -> None:
    await store.queue_control.limit("default", QueueLimits(max_depth=0))
    assert await _try(store, make_task()) == [QueueFull("default", "max_depth", maximum=0, held=0, needed=1)]


async def test_answers_count_for_max_bytes_when_their_tasks_have_ended(store: TestStore) -> None:
    first, second, third = (make_task(retention_ms=0) for _ in range(3))
    worker = store.worker()
    await store.enqueuer.enqueue([Enqueue(first, "one"), Enqueue(second, "two")])
    assert await _used(store) == _size(first) + _size(second) + 2 * ANSWER_BYTES
    await worker.settlements.complete([Success(lease, 1, b"") for lease in await worker.lease()])
    assert await _used(store) == 2 * ANSWER_BYTES

    maximum = 3 * ANSWER_BYTES + _size(third) - 1
    await store.queue_control.limit("default", QueueLimits(max_bytes=maximum))
    needed = ANSWER_BYTES + _size(third)
    assert await store.enqueuer.enqueue([Enqueue(third, "three"), Enqueue(third)]) == [
        QueueFull("default", "max_bytes", maximum, held=2 * ANSWER_BYTES, needed=needed),
        Enqueued(third.id, TaskState.PENDING),
    ]


async def test_answers_count_within_the_call_that_stores_them(store: TestStore) -> None:
    first, second = make_task(), make_task()
    await store.queue_control.limit("default", QueueLimits(max_bytes=_size(first) + ANSWER_BYTES + _size(second) - 1))
    _, refused = await store.enqueuer.enqueue([Enqueue(first, "one"), Enqueue(second)])
    assert isinstance(refused, QueueFull)
    assert refused.held == _size(first) + ANSWER_BYTES


async def test_answer_counts_once_when_the_request_is_repeated_or_refused(store: TestStore) -> None:
    task = make_task()
    other_of_same_id = make_task(id=task.id, payload=b'"other"')
    await store.enqueuer.enqueue([Enqueue(task, "one")])
    await store.enqueuer.enqueue([Enqueue(task, "one"), Enqueue(other_of_same_id, "two")])
    assert await _used(store) == _size(task) + ANSWER_BYTES


async def test_answers_leave_room_again_when_they_expire(store: TestStore) -> None:
    task = make_task()
    await store.queue_control.limit("default", QueueLimits(max_bytes=_size(task) + ANSWER_BYTES))
    enqueuer = Enqueuer(store.server, idempotency_ttl_ms=24)
    await enqueuer.enqueue([Enqueue(task, "one")])
    await store.control.delete("default", task.id)

    async def all_expired() -> bool:
        return await _used(store) == 0

    await eventually(all_expired)
    assert ANSWERS not in await read_keyspace(store.server)
    assert await enqueuer.enqueue([Enqueue(task, "two")]) == [Enqueued(task.id, TaskState.PENDING)]


async def test_expired_ends_of_answers_are_deleted_when_an_answer_ends_at_a_new_time(store: TestStore) -> None:
    await store.server.command("HSET", ANSWERS, 1, ANSWER_BYTES, 2, ANSWER_BYTES)
    assert await _used(store) == 0
    await store.enqueuer.enqueue([Enqueue(make_task(), "one")])
    assert list((await read_keyspace(store.server))[ANSWERS].values()) == [b"%d" % ANSWER_BYTES]


async def test_answers_of_every_lifetime_count_until_they_expire(store: TestStore) -> None:
    tasks = [make_task() for _ in range(3)]
    for task, ttl_ms in zip(tasks, (60_000, HOUR_MS, 60_000), strict=True):
        await Enqueuer(store.server, idempotency_ttl_ms=ttl_ms).enqueue([Enqueue(task, task.id)])
    assert await _used(store) == sum(map(_size, tasks)) + 3 * ANSWER_BYTES
    left_ms = await store.server.command("PTTL", ANSWERS)
    assert await store.server.command("PTTL", f"taskyard:{{default}}:i:{tasks[1].id}") <= left_ms
    assert left_ms <= HOUR_MS * 25 / 24


async def test_tasks_without_idempotency_keys_write_no_answers(store: TestStore) -> None:
    await store.enqueue(make_task())
    assert ANSWERS not in await read_keyspace(store.server)
