"""Durability of queues: which level each enqueue provides."""

from __future__ import annotations

import pytest

from queuecore.domain.durability import FSYNC, MEMORY, Durability
from queuecore.domain.state import TaskState
from queuecore.errors import NotDurable
from queuecore.store.queues.limits import QueueLimits
from queuecore.store.tasks.enqueue import Enqueue, Enqueued, Enqueuer, OtherDurability, QueueFull
from queuecore.testing.builders import make_task
from queuecore.testing.keyspace import read_keyspace
from queuecore.testing.store import TestStore

ONE_REPLICA = Durability("replicas", 1)
"""No replica follows the server of these tests, so it cannot be provided."""


def enqueue_into(*queues: str) -> list[Enqueue]:
    return [Enqueue(make_task(queue=queue)) for queue in queues]


async def need_replica(store: TestStore, queue: str) -> None:
    await store.server.command("HSET", f"taskyard:{{{queue}}}:limits", "durability", str(ONE_REPLICA))


async def test_durability_of_a_queue_is_read_as_it_was_written(store: TestStore) -> None:
    for durability in (FSYNC, MEMORY, None):
        await store.queue_control.limit("default", QueueLimits(durability=durability))
        (stats,) = await store.queues.stats(["default"])
        assert stats.limits == QueueLimits(durability=durability)


async def test_limits_that_ask_for_replicas_apply_even_if_none_acknowledges_them(store: TestStore) -> None:
    with pytest.raises(NotDurable, match="0 of 1 replicas"):
        await store.queue_control.limit("default", QueueLimits(max_depth=3, durability=ONE_REPLICA))
    (stats,) = await store.queues.stats(["default"])
    assert stats.limits == QueueLimits(max_depth=3, durability=ONE_REPLICA)


async def test_each_task_of_a_batch_has_the_durability_of_its_queue(store: TestStore) -> None:
    await need_replica(store, "copied")
    await store.queue_control.limit("synced", QueueLimits(durability=FSYNC))
    results = await store.enqueuer.enqueue(enqueue_into("plain", "copied", "synced", "plain", "copied"))
    assert [type(result) for result in results] == [Enqueued, NotDurable, NotDurable, Enqueued, NotDurable]
    assert "0 of 1 replicas" in str(results[1])
    assert "has appendonly no" in str(results[2])


async def test_own_durability_overrides_the_default_both_ways(store: TestStore) -> None:
    strict = Enqueuer(store.server, QueueLimits(durability=ONE_REPLICA))
    await store.queue_control.limit("quick", QueueLimits(durability=MEMORY))
    results = await strict.enqueue(enqueue_into("quick", "other"))
    assert [type(result) for result in results] == [Enqueued, NotDurable]


async def test_change_of_durability_applies_to_the_next_task_of_every_process(store: TestStore) -> None:
    (before,) = await store.enqueuer.enqueue(enqueue_into("default"))
    assert isinstance(before, Enqueued)
    await need_replica(store, "default")
    (strict,) = await store.enqueuer.enqueue(enqueue_into("default"))
    assert isinstance(strict, NotDurable)
    await store.queue_control.limit("default", QueueLimits())
    (relaxed,) = await store.enqueuer.enqueue(enqueue_into("default"))
    assert isinstance(relaxed, Enqueued)


async def test_nothing_is_written_by_a_process_that_did_not_know_the_durability(store: TestStore) -> None:
    await store.enqueuer.enqueue(enqueue_into("default"))
    await need_replica(store, "default")
    before = await read_keyspace(store.server)
    assert await store.enqueuer.attempt(enqueue_into("default")) == [OtherDurability("default")]
    assert await read_keyspace(store.server) == before
    assert store.enqueuer.durability("default") == ONE_REPLICA


async def test_task_is_not_stored_when_only_a_newer_release_knows_the_durability(store: TestStore) -> None:
    await store.server.command("HSET", "taskyard:{default}:limits", "durability", "quorum:2")
    (request,) = enqueue_into("default")
    (result,) = await store.enqueuer.enqueue([request])
    assert isinstance(result, NotDurable)
    assert "quorum:2" in str(result)
    assert await store.state(request.task) is None
    (stats,) = await store.queues.stats(["default"])
    assert stats.limits == QueueLimits()


async def test_full_queue_is_full_whatever_its_durability(store: TestStore) -> None:
    await store.queue_control.limit("default", QueueLimits(max_depth=0))
    await need_replica(store, "default")
    enqueuer = Enqueuer(store.server)
    (result,) = await enqueuer.enqueue(enqueue_into("default"))
    assert result == QueueFull("default", "max_depth", maximum=0, held=0, needed=1)


async def test_task_that_was_not_confirmed_is_confirmed_by_the_same_request(store: TestStore) -> None:
    (request,) = enqueue_into("default")
    strict = Enqueuer(store.server, QueueLimits(durability=ONE_REPLICA))
    (unconfirmed,) = await strict.enqueue([request])
    assert isinstance(unconfirmed, NotDurable)
    assert await store.enqueuer.enqueue([request]) == [Enqueued(request.task.id, TaskState.PENDING, replayed=True)]
