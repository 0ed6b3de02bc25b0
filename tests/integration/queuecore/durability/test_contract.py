"""Promises of each supported server on which the levels of durability rest, and the levels on it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from queuecore.domain.durability import FSYNC, Durability
from queuecore.domain.state import TaskState
from queuecore.embedded import HOST, EmbeddedValkey
from queuecore.errors import NotDurable
from queuecore.store.client.server import Server
from queuecore.store.queues.durability import find_durability_problem
from queuecore.store.queues.limits import QueueLimits
from queuecore.store.tasks.enqueue import Duplicate, Enqueue, Enqueued, Enqueuer, EnqueueResult
from queuecore.testing.builders import make_task
from queuecore.testing.proxy import FaultyProxy
from queuecore.testing.replica_set import ReplicaSet
from queuecore.testing.sentinel import command
from queuecore.testing.store import TestStore
from queuecore.testing.waiting import eventually
from tests.support.sync_counter import SyncCounter, find_strace

ONE = Durability("replicas", 1)
TWO = Durability("replicas", 2)


def enqueuer(server: Server, durability: Durability) -> Enqueuer:
    return Enqueuer(server, QueueLimits(durability=durability))


async def one(tasks: Enqueuer, request: Enqueue | None = None) -> EnqueueResult:
    (result,) = await tasks.enqueue([request or Enqueue(make_task())])
    return result


async def holds(server: EmbeddedValkey, task_id: str) -> bool:
    return bool(await command(server, "EXISTS", f"taskyard:{{default}}:t:{task_id}"))


async def test_task_is_on_each_replica_when_its_enqueue_is_acknowledged(
    replica_set: ReplicaSet, store: TestStore
) -> None:
    tasks = enqueuer(store.server, TWO)
    for _ in range(10):
        result = await one(tasks)
        assert isinstance(result, Enqueued)
        assert [await holds(replica, result.task_id) for replica in replica_set.replicas] == [True, True]


async def test_enqueue_is_not_durable_when_too_few_replicas_answer(
    replica_set: ReplicaSet, store: TestStore, impatient: Server
) -> None:
    await store.enqueue(make_task())
    tasks = enqueuer(impatient, TWO)
    await eventually(lambda: _is_enqueued(tasks))
    replica_set.replicas[0].pause()
    request = Enqueue(make_task())
    refused = await one(tasks, request)
    assert isinstance(refused, NotDurable)
    assert "1 of 2 replicas acknowledged it within 300 ms" in str(refused)
    assert await holds(replica_set.primary, request.task.id)
    assert isinstance(await one(enqueuer(store.server, ONE)), Enqueued)


async def test_wait_is_answered_at_once_when_its_connection_wrote_nothing(replica_set: ReplicaSet) -> None:
    release = (await command(replica_set.primary, "INFO", "server"))["redis_version"]
    for replica in replica_set.replicas:
        replica.pause()
    await command(replica_set.primary, "SET", "written", 1)
    acknowledged = await command(replica_set.primary, "WAIT", 1, 200)
    # Redis 6.2 counts every command of the connection; all later servers count its writes only.
    assert acknowledged == (0 if release.startswith("6.") else 2)


async def test_repeated_enqueue_is_not_durable_either_while_the_replicas_lack_the_first(
    replica_set: ReplicaSet, store: TestStore, impatient: Server
) -> None:
    first = Enqueue(make_task(id="chosen", enqueued_at_ms=1), "key")
    duplicate = Enqueue(make_task(id="chosen", enqueued_at_ms=2))
    same_key = Enqueue(make_task(), "key")
    tasks = enqueuer(impatient, ONE)
    await eventually(lambda: _is_enqueued(tasks))
    for replica in replica_set.replicas:
        replica.pause()
    for request in (first, first, duplicate, same_key):
        assert isinstance(await one(tasks, request), NotDurable)
    for replica in replica_set.replicas:
        replica.resume()
    tasks = enqueuer(store.server, ONE)
    replayed = Enqueued("chosen", TaskState.PENDING, replayed=True)
    assert [await one(tasks, first), await one(tasks, same_key)] == [replayed, replayed]
    assert await one(tasks, duplicate) == Duplicate("chosen", by_lock=False)


async def test_enqueue_is_not_durable_when_the_primary_is_demoted_meanwhile(
    replica_set: ReplicaSet, store: TestStore
) -> None:
    tasks = enqueuer(store.server, ONE)
    assert isinstance(await one(tasks), Enqueued)
    for replica in replica_set.replicas:
        replica.pause()
    waiting = asyncio.create_task(one(tasks))

    async def is_blocked() -> bool:
        info = await command(replica_set.primary, "INFO", "clients")
        return bool(info["blocked_clients"] == 1)

    await eventually(is_blocked)
    await command(replica_set.primary, "REPLICAOF", HOST, 1)
    result = await waiting
    assert isinstance(result, NotDurable)
    assert "UNBLOCKED" in str(result)


async def test_acknowledged_task_survives_only_if_a_replica_that_has_it_is_promoted(
    replica_set: ReplicaSet, store: TestStore, impatient: Server
) -> None:
    behind, ahead = replica_set.replicas
    async with FaultyProxy(replica_set.primary.port) as proxy:
        await replica_set.follow(behind, proxy.port)
        all_replicas = enqueuer(impatient, TWO)
        await eventually(lambda: _is_enqueued(all_replicas))
        proxy.replication.clear()
        request = Enqueue(make_task())
        assert isinstance(await one(enqueuer(store.server, ONE), request), Enqueued)
        assert isinstance(await one(all_replicas, request), NotDurable)
        proxy.cut_all()
        await command(behind, "REPLICAOF", "NO", "ONE")
    assert not await holds(behind, request.task.id)
    assert await holds(ahead, request.task.id)


async def _is_enqueued(tasks: Enqueuer) -> bool:
    return isinstance(await one(tasks), Enqueued)


@pytest.mark.parametrize(("policy", "synced"), [("always", True), ("everysec", False)])
async def test_each_enqueue_is_synced_only_when_the_server_syncs_always(
    syncing: EmbeddedValkey, tmp_path: Path, policy: str, synced: bool
) -> None:
    strace = find_strace()
    if strace is None:
        pytest.skip("no syncs were counted: install strace, and allow it to attach to processes")
    await command(syncing, "CONFIG", "SET", "appendfsync", policy)
    store = TestStore(syncing.url, patient=True)
    await store.enqueue(make_task())
    assert syncing.pid
    number = 50
    async with SyncCounter(strace, syncing.pid, tmp_path / "trace") as counter:
        for _ in range(number):
            await store.enqueue(make_task())
        syncs = await counter.detach()
    await store.close()
    assert (syncs >= number) is synced, syncs


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        ({}, None),
        ({"appendfsync": "everysec"}, "has appendfsync everysec, and needs appendfsync always"),
        ({"appendonly": "no"}, "has appendonly no, and needs appendonly yes"),
        ({"no-appendfsync-on-rewrite": "yes"}, "has no-appendfsync-on-rewrite yes, and needs"),
    ],
    ids=["always", "everysec", "no-file", "not-on-rewrite"],
)
async def test_fsync_is_refused_by_the_name_of_the_setting(
    syncing: EmbeddedValkey, config: dict[str, str], problem: str | None
) -> None:
    for name, value in config.items():
        await command(syncing, "CONFIG", "SET", name, value)
    store = TestStore(syncing.url, patient=True)
    found = await find_durability_problem(store.server, FSYNC)
    result = await one(enqueuer(store.server, FSYNC))
    await store.close()
    if problem is None:
        assert found is None
        assert isinstance(result, Enqueued)
    else:
        assert found is not None
        assert problem in found
        assert isinstance(result, NotDurable)
        assert problem in str(result)


async def test_checks_name_the_forbidden_command(syncing: EmbeddedValkey) -> None:
    await command(syncing, "ACL", "SETUSER", "default", "-config", "-wait")
    store = TestStore(syncing.url, patient=True)
    fsync = await find_durability_problem(store.server, FSYNC)
    replicas = await find_durability_problem(store.server, ONE)
    await store.close()
    assert fsync is not None
    assert "config" in fsync.lower()
    assert replicas is not None
    assert "wait" in replicas.lower()


async def test_replicas_are_refused_when_too_few_are_connected(replica_set: ReplicaSet, store: TestStore) -> None:
    assert await find_durability_problem(store.server, TWO) is None
    three = Durability("replicas", 3)
    assert await find_durability_problem(store.server, three) == (
        f"replicas:3 cannot be provided: 127.0.0.1:{replica_set.primary.port} has 2 connected replicas, and needs 3"
    )
