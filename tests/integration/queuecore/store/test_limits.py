"""Limits of queues."""

from __future__ import annotations

import pytest

from queuecore.domain.state import TaskState
from queuecore.domain.task import Task
from queuecore.store.attempts.settlement import Success
from queuecore.store.queues.limits import QueueLimits
from queuecore.store.tasks.enqueue import Enqueue, Enqueued, Enqueuer, QueueFull
from queuecore.testing.builders import make_task, now_ms
from queuecore.testing.store import TestStore
from queuecore.wire import envelope

HOUR_MS = 3_600_000


def _size(task: Task) -> int:
    return len(envelope.encode(task))


async def _try(store: TestStore, *tasks: Task) -> list[object]:
    return list(await store.enqueuer.enqueue([Enqueue(task) for task in tasks]))


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
