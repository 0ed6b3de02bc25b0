"""Outage of one of three nodes without a replica."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from queuecore.domain.backoff import Backoff
from queuecore.domain.state import TaskState
from queuecore.errors import StoreUnavailable
from queuecore.store.scripts.keys import QUEUES
from queuecore.store.tasks.enqueue import Enqueue
from queuecore.testing.builders import make_task
from queuecore.testing.cluster import NODES, SLOTS, ClusterNode, ValkeyCluster
from queuecore.testing.store import TestStore
from queuecore.testing.waiting import eventually
from queuescheduler.known_queues import KnownQueues
from queuescheduler.metrics import SchedulerMetrics
from queuescheduler.reclaim.reclaimer import Reclaimer
from tests.cluster.conftest import running_cluster


@pytest.fixture
def holey(tmp_path: Path) -> Iterator[ValkeyCluster]:
    """A Cluster whose nodes keep serving during the outage of one of them."""
    with running_cluster(tmp_path, {"cluster-require-full-coverage": "no"}) as made:
        yield made


@pytest.fixture
async def registry_node(holey: ValkeyCluster) -> ClusterNode:
    """The node of the set of queues."""
    slot: int = await holey.nodes[0].command("CLUSTER", "KEYSLOT", QUEUES)
    return holey.nodes[slot * NODES // SLOTS]


async def test_leases_on_other_nodes_are_reclaimed_when_the_node_that_lists_the_queues_is_down(
    holey: ValkeyCluster, registry_node: ClusterNode
) -> None:
    store = TestStore(holey.url)
    queues = await holey.queues_apart()
    tasks = [make_task(queue=queue) for queue in queues]
    await store.enqueue(*tasks)
    for task in tasks:
        await store.worker().lease_one(task)
    known = KnownQueues(reader=store.queues, registry=store.registry, backoff=Backoff(lambda: 0.0))
    reclaimer = Reclaimer(
        maintenance=store.maintenance,
        queues=known,
        poison_losses=2,
        metrics=SchedulerMetrics(CollectorRegistry()),
        backoff=Backoff(lambda: 0.0),
    )
    roles = [asyncio.create_task(known.run()), asyncio.create_task(reclaimer.run())]
    await eventually(lambda: len(known.names) == NODES)
    registry_node.embedded.kill()
    await eventually(lambda: known.last_error)
    there = [task for task, node in zip(tasks, holey.nodes, strict=True) if node is not registry_node]
    for task in there:
        await eventually(partial(_lapsed, store, task.queue, task.id))
        await eventually(partial(_is_in, store, task.queue, task.id, TaskState.RETRY))
    for role in roles:
        role.cancel()
    await asyncio.gather(*roles, return_exceptions=True)
    await store.close()


async def test_all_connections_are_closed_when_the_last_call_had_failed(
    holey: ValkeyCluster, registry_node: ClusterNode
) -> None:
    store = TestStore(holey.url)
    queues = await holey.queues_apart()
    await store.enqueue(*(make_task(queue=queue) for queue in queues))
    registry_node.embedded.kill()
    gone = queues[holey.nodes.index(registry_node)]
    (answer,) = await store.enqueuer.enqueue([Enqueue(make_task(queue=gone))])
    assert isinstance(answer, StoreUnavailable)
    await store.close()
    for node in holey.nodes:
        if node is not registry_node:
            await eventually(partial(_has_no_client_but_us, node))


async def _lapsed(store: TestStore, queue: str, task_id: str) -> bool:
    try:
        await store.server.command("ZADD", f"taskyard:{{{queue}}}:active", "XX", 1, task_id)
    except StoreUnavailable:
        return False
    return True


async def _is_in(store: TestStore, queue: str, task_id: str, state: TaskState) -> bool:
    try:
        found = await store.reader.find(task_id, [queue])
    except StoreUnavailable:
        return False
    return found is not None and found.state is state


async def _has_no_client_but_us(node: ClusterNode) -> bool:
    return bool((await node.command("INFO", "clients"))["connected_clients"] == 1)
