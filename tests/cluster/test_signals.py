from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import count
from typing import TypeVar

import pytest

from queuecore.store.attempts.notifications import CancelRequest
from queuecore.testing.builders import make_task, now_ms
from queuecore.testing.cluster import ValkeyCluster
from queuecore.testing.store import TestStore
from queuecore.testing.waiting import eventually

Heard = TypeVar("Heard")

HOUR_MS = 3_600_000
LONG_S = 30.0


async def until_blocked(cluster: ValkeyCluster, number: int) -> None:
    async def blocked() -> bool:
        infos = [(await node.command("INFO", "clients"))["blocked_clients"] for node in cluster.nodes]
        return bool(sum(infos) == number)

    await eventually(blocked)


@pytest.mark.parametrize("place", range(3))
async def test_sleeper_on_queues_of_all_nodes_wakes_when_one_of_them_gets_a_task(
    cluster: ValkeyCluster, store: TestStore, place: int
) -> None:
    queues = await cluster.queues_apart()
    sleeper = asyncio.create_task(store.notifications.wait_for_work(queues, LONG_S))
    await until_blocked(cluster, 3)
    await store.enqueue(make_task(queue=queues[place]))
    assert await asyncio.wait_for(sleeper, 5)
    await until_blocked(cluster, 0)


async def test_no_wakeup_is_swallowed_when_all_nodes_get_a_task_at_once(
    cluster: ValkeyCluster, store: TestStore
) -> None:
    queues = await cluster.queues_apart()
    sleepers = [asyncio.create_task(store.notifications.wait_for_work(queues, LONG_S)) for _ in range(3)]
    await until_blocked(cluster, 9)
    await store.enqueue(*(make_task(queue=queue) for queue in queues))
    await asyncio.wait(sleepers, return_when=asyncio.FIRST_COMPLETED)
    for sleeper in sleepers:
        sleeper.cancel()
    await asyncio.gather(*sleepers, return_exceptions=True)
    answers = await store.worker().leases.lease([(queue, 5) for queue in queues])
    assert [len(answer.leases) for answer in answers] == [1, 1, 1]  # type: ignore[union-attr]


async def test_sleeper_wakes_by_itself_when_nothing_comes(cluster: ValkeyCluster, store: TestStore) -> None:
    assert not await store.notifications.wait_for_work(await cluster.queues_apart(), 0.05)


async def test_pending_tasks_are_seen_on_every_node(cluster: ValkeyCluster, store: TestStore) -> None:
    queues = await cluster.queues_apart()
    assert not await store.notifications.any_pending(queues)
    for queue in queues:
        task = make_task(queue=queue)
        await store.enqueue(task)
        assert await store.notifications.any_pending(queues)
        await store.control.delete(queue, task.id)
        assert not await store.notifications.any_pending(queues)


async def test_due_signals_come_from_all_nodes_when_listening_is_the_first_thing_done(
    cluster: ValkeyCluster, store: TestStore
) -> None:
    queues = await cluster.queues_apart()
    listener = TestStore(cluster.url)
    heard: list[str] = []
    earlier_ms = count(0, 1_000)
    listening = asyncio.create_task(_collect(listener.notifications.due_queues(), heard))
    for queue in queues:

        async def is_heard(queue: str = queue) -> bool:
            # Each is earlier than the one before, so each is told; the first ones may come before we listen.
            await store.enqueue(make_task(queue=queue, process_at_ms=now_ms() + HOUR_MS - next(earlier_ms)))
            return queue in heard

        await eventually(is_heard)
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    await listener.close()


async def test_cancel_signal_comes_from_every_node(cluster: ValkeyCluster, store: TestStore) -> None:
    heard: list[CancelRequest] = []
    listening = asyncio.create_task(_collect(store.notifications.cancels(), heard))
    for queue in await cluster.queues_apart():
        task = make_task(queue=queue)
        await store.enqueue(task)
        await store.worker().lease_one(task)

        async def is_heard(queue: str = queue, task_id: str = task.id) -> bool:
            # It is told again with each cancel: the first ones may come before we listen.
            await store.control.cancel(queue, task_id)
            return CancelRequest(queue, task_id) in heard

        await eventually(is_heard)
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)


async def _collect(signals: AsyncIterator[Heard], heard: list[Heard]) -> None:
    async for each in signals:
        heard.append(each)  # noqa: PERF401 - it never ends
