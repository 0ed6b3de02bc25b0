"""Migration of a slot while its queue is in use: calls may be refused meanwhile, tasks may not be lost."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import pytest

from queuecore.domain.state import TaskState
from queuecore.errors import StoreError, StoreUnavailable
from queuecore.store.attempts.leases import Lease, Leased
from queuecore.store.attempts.settlement import Success
from queuecore.store.scripts.replies import Reply
from queuecore.store.tasks.enqueue import Enqueue, Enqueued
from queuecore.testing.builders import make_task, now_ms
from queuecore.testing.cluster import SlotMove, ValkeyCluster
from queuecore.testing.keyspace import find_contradictions, read_keyspace
from queuecore.testing.store import TestStore

HOUR_MS = 3_600_000
KEYS_AT_ONCE = 4


@pytest.fixture
async def store(own_cluster: ValkeyCluster) -> AsyncIterator[TestStore]:
    opened = TestStore(own_cluster.url)
    yield opened
    await opened.close()


def envelopes_first(key: bytes) -> tuple[bool, bytes]:
    return (b"}:t:" not in key, key)


def envelopes_last(key: bytes) -> tuple[bool, bytes]:
    return (b"}:t:" in key, key)


def records_last(key: bytes) -> tuple[bool, bytes]:
    return (b"}:r:" in key, key)


@pytest.mark.parametrize("order", [envelopes_first, envelopes_last, records_last])
@pytest.mark.timeout(120)
async def test_nothing_is_lost_while_the_slot_of_a_queue_in_use_moves(
    own_cluster: ValkeyCluster, store: TestStore, order: Callable[[bytes], tuple[bool, bytes]]
) -> None:
    queue, other, _ = await own_cluster.queues_apart()
    move = SlotMove(
        await own_cluster.slot_of(queue), await own_cluster.node_of(queue), await own_cluster.node_of(other)
    )
    user = User(store, queue)
    await user.fill()
    await move.begin()
    await user.use()
    keys = sorted(await move.keys_left(), key=order)
    for start in range(0, len(keys), KEYS_AT_ONCE):
        await move.move(*keys[start : start + KEYS_AT_ONCE])
        await user.use()
    await move.finish()
    await user.settle_all()
    assert find_contradictions(await read_keyspace(store.server)) == []
    (stats,) = await store.queues.stats([queue])
    assert stats.totals.orphans == 0
    assert stats.counts[TaskState.COMPLETED] == len(user.acknowledged)
    assert user.told_stale == []


class User:
    """Runs every operation on one queue, and records the results."""

    def __init__(self, store: TestStore, queue: str) -> None:
        self.store = store
        self.queue = queue
        self.worker = store.worker()
        self.acknowledged: set[str] = set()
        self.leases: list[Lease] = []
        self.told_stale: list[str] = []

    async def fill(self) -> None:
        """Tasks in three states, some with a record."""
        for _ in range(3):
            await self._enqueue(0)
        await self._lease(2)
        await self.worker.leases.release([self.leases.pop()])
        await self._enqueue(now_ms() + HOUR_MS)

    async def use(self) -> None:
        """Run each operation once, concurrently, as many processes would."""
        await asyncio.gather(
            self._enqueue(0), self._lease(1), self._renew(), self._upkeep(), self._look(), self._complete_one()
        )

    async def settle_all(self) -> None:
        """Run all tasks of the queue."""
        for task_id in self.acknowledged:
            found = await self.store.reader.find(task_id, [self.queue])
            assert found is not None, f"{task_id} was acknowledged and is lost"
            if found.state is TaskState.SCHEDULED:
                await self.store.control.run_now(self.queue, task_id)
        await self._lease(100)
        while self.leases:
            await self._complete_one()

    async def _enqueue(self, process_at_ms: int) -> None:
        task = make_task(queue=self.queue, process_at_ms=process_at_ms or None)
        (answer,) = await self.store.enqueuer.enqueue([Enqueue(task)])
        assert isinstance(answer, Enqueued | StoreUnavailable), repr(answer)
        if isinstance(answer, Enqueued):
            self.acknowledged.add(task.id)

    async def _lease(self, limit: int) -> None:
        (answer,) = await self.worker.leases.lease([(self.queue, limit)])
        assert isinstance(answer, Leased | StoreUnavailable), repr(answer)
        if isinstance(answer, Leased):
            self.leases += answer.leases

    async def _renew(self) -> None:
        given = list(self.leases)
        replies = await self.worker.leases.renew(given)
        settled = [lease.task.id for lease in given if lease not in self.leases]
        self.told_stale += [
            lease.task.id
            for lease, reply in zip(given, replies, strict=True)
            if reply is Reply.STALE and lease.task.id not in settled
        ]

    async def _upkeep(self) -> None:
        for answer in (
            *await self.store.maintenance.promote([self.queue]),
            *await self.store.maintenance.find_expired_leases([self.queue]),
            *await self.store.maintenance.expire([self.queue]),
        ):
            assert not isinstance(answer, StoreError) or isinstance(answer, StoreUnavailable), repr(answer)

    async def _look(self) -> None:
        """Check that every task is found, also during the migration."""
        for task_id in sorted(self.acknowledged)[-1:]:
            with contextlib.suppress(StoreUnavailable):
                assert await self.store.reader.find(task_id, [self.queue]) is not None

    async def _complete_one(self) -> None:
        if self.leases:
            lease = self.leases[0]
            (reply,) = await self.worker.settlements.complete([Success(lease, 1)])
            assert reply is Reply.DONE or isinstance(reply, StoreUnavailable), repr(reply)
            if reply is Reply.DONE:
                self.leases.remove(lease)
