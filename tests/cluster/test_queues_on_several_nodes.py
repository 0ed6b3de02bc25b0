from __future__ import annotations

import asyncio

import pytest

from queuecore.domain.state import TaskState
from queuecore.errors import StoreNotReady
from queuecore.store.attempts.settlement import Success
from queuecore.store.client.batch import CHUNK
from queuecore.store.queues.directory import WorkerStatus
from queuecore.store.queues.readiness import check_readiness
from queuecore.store.scripts.replies import Reply
from queuecore.testing.builders import make_task
from queuecore.testing.cluster import ValkeyCluster
from queuecore.testing.keyspace import on_all_nodes
from queuecore.testing.store import TestStore


async def test_one_lease_call_brings_tasks_of_all_nodes(cluster: ValkeyCluster, store: TestStore) -> None:
    queues = await cluster.queues_apart()
    tasks = [make_task(queue=queue) for queue in queues for _ in range(2)]
    await store.enqueue(*tasks)
    worker = store.worker()
    answers = await worker.leases.lease([(queue, 5) for queue in queues])
    leases = [lease for answer in answers for lease in answer.leases]  # type: ignore[union-attr]
    assert [lease.task for lease in leases] == tasks
    assert await worker.settlements.complete([Success(lease, 1) for lease in leases]) == [Reply.DONE] * len(tasks)
    stats = await store.queues.stats(queues)
    assert [each.counts[TaskState.COMPLETED] for each in stats] == [2, 2, 2]


async def test_batch_over_all_nodes_keeps_the_order_within_each_queue(cluster: ValkeyCluster, store: TestStore) -> None:
    queues = await cluster.queues_apart()
    tasks = [make_task(queue=queues[number % 3]) for number in range(3 * (2 * CHUNK + 1))]
    await store.enqueue(*tasks)
    for queue in queues:
        leases = await store.worker().lease(limit=1_000, queue=queue)
        assert [lease.task.id for lease in leases] == [task.id for task in tasks if task.queue == queue]


async def test_no_call_is_misrouted_when_many_are_the_first(cluster: ValkeyCluster) -> None:
    queues = await cluster.queues_apart()
    before = await redirections(cluster)
    fresh = TestStore(cluster.url, patient=True)
    await asyncio.gather(*(fresh.queues.stats([queue]) for queue in queues for _ in range(5)))
    await fresh.close()
    assert await redirections(cluster) == before


async def redirections(cluster: ValkeyCluster) -> int:
    """The number of redirections that the nodes have sent."""
    stats = [await node.command("INFO", "errorstats") for node in cluster.nodes]
    return sum(each.get("errorstat_MOVED", {"count": 0})["count"] for each in stats)


async def test_scripts_are_sent_again_when_one_node_has_lost_them(cluster: ValkeyCluster, store: TestStore) -> None:
    queues = await cluster.queues_apart()
    await store.enqueue(*(make_task(queue=queue) for queue in queues))
    await cluster.nodes[1].command("SCRIPT", "FLUSH")
    await store.enqueue(*(make_task(queue=queue) for queue in queues))
    stats = await store.queues.stats(queues)
    assert [each.counts[TaskState.PENDING] for each in stats] == [2, 2, 2]


async def test_idempotency_keys_are_claimed_together_when_they_lie_on_several_nodes(store: TestStore) -> None:
    claims = {f"digest-{number}": f"request-{number}" for number in range(30)}
    assert await store.idempotency.claim(claims) == set()
    assert await store.idempotency.claim({**claims, "digest-7": "another"}) == {"digest-7"}


async def test_workers_are_listed_when_their_registrations_lie_on_several_nodes(store: TestStore) -> None:
    for number in range(10):
        status = WorkerStatus(f"worker-{number}", "pod", ["default"], ["demo"], 10, 0, 1)
        await store.directory.beat(status, ttl_ms=60_000)
    assert {each.worker for each in await store.directory.workers()} == {f"worker-{number}" for number in range(10)}
    await store.directory.forget_worker("worker-3")
    assert len(await store.directory.workers()) == 9


async def test_readiness_check_passes_when_all_nodes_are_fit(store: TestStore) -> None:
    assert (await check_readiness(store.server)).policy_known


async def test_readiness_is_refused_when_one_node_evicts(cluster: ValkeyCluster, store: TestStore) -> None:
    await cluster.nodes[2].command("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    try:
        with pytest.raises(StoreNotReady, match="allkeys-lru"):
            await check_readiness(store.server)
    finally:
        await on_all_nodes(store.server, "CONFIG SET", "maxmemory-policy", "noeviction")


async def test_task_is_found_by_its_id_when_its_queue_is_not_known(cluster: ValkeyCluster, store: TestStore) -> None:
    queues = await cluster.queues_apart()
    task = make_task(queue=queues[2])
    await store.enqueue(task)
    found = await store.reader.find(task.id, queues)
    assert found is not None
    assert found.task == task


async def test_search_finds_the_queue_of_an_id_on_any_node(cluster: ValkeyCluster, store: TestStore) -> None:
    queues = await cluster.queues_apart()
    tasks = [make_task(queue=queue) for queue in queues]
    await store.enqueue(*tasks)

    assert [await store.reader.search(task.id, queues) for task in tasks] == [[queue] for queue in queues]
    assert await store.reader.search("none", queues) == []
