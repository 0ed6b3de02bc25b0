"""Failover: the master dies, and the Sentinels promote its replica.

Replication is asynchronous, so writes acknowledged just before the failure may be lost. The guarantees cover the writes
that the replica had received.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from queuecore.domain.state import TaskState
from queuecore.errors import StoreUnavailable
from queuecore.store.attempts.settlement import Success
from queuecore.store.queues.readiness import check_readiness
from queuecore.store.scripts.replies import Reply
from queuecore.store.tasks.enqueue import Enqueue, Enqueued
from queuecore.testing.builders import make_task
from queuecore.testing.keyspace import find_contradictions, read_keyspace
from queuecore.testing.sentinel import WatchedPair
from queuecore.testing.store import TestStore
from queuecore.testing.waiting import eventually

LONG_S = 30.0


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[WatchedPair]:
    made = WatchedPair(tmp_path)
    try:
        await made.start()
        yield made
    finally:
        made.stop()


async def test_nothing_that_was_replicated_is_lost_when_the_replica_is_promoted(pair: WatchedPair) -> None:
    store = TestStore(pair.url)
    tasks = [make_task() for _ in range(50)]
    await store.enqueue(*tasks)
    worker = store.worker()
    leases = await worker.lease(limit=10)
    sleeper = asyncio.create_task(store.notifications.wait_for_work(["empty"], LONG_S))
    listener = asyncio.ensure_future(anext(store.notifications.cancels()))
    await pair.until_replicated()
    pair.master.kill()
    results = await eventually(lambda: _enqueue_until_accepted(store), within_s=30)
    assert {type(each) for each in results[:-1]} == {StoreUnavailable}
    # Blocking waits on the dead master fail, and work again on the new one.
    with pytest.raises(StoreUnavailable):
        await sleeper
    with pytest.raises(StoreUnavailable):
        await listener
    assert await store.notifications.wait_for_work(["default"], LONG_S)
    assert (await check_readiness(store.server)).policy_known
    # Leases granted before the failover are valid: their tokens were replicated.
    assert await worker.leases.renew(leases) == [Reply.DONE] * 10
    assert await worker.settlements.complete([Success(lease, 1) for lease in leases]) == [Reply.DONE] * 10
    (stats,) = await store.queues.stats(["default"])
    assert (stats.counts[TaskState.COMPLETED], stats.counts[TaskState.PENDING]) == (10, 41)
    assert find_contradictions(await read_keyspace(store.server)) == []
    await store.close()


async def _enqueue_until_accepted(store: TestStore) -> list[object]:
    """Repeat an enqueue until it succeeds; all results."""
    request = Enqueue(make_task())
    results: list[object] = []
    while not (results and isinstance(results[-1], Enqueued)):
        results += await store.enqueuer.enqueue([request])
        await asyncio.sleep(0)
    return results
