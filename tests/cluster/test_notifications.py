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

Message = TypeVar("Message")

HOUR_MS = 3_600_000
LONG_S = 30.0


async def until_blocked(cluster: ValkeyCluster, number: int) -> None:
    async def blocked() -> bool:
        infos = [(await node.command("INFO", "clients"))["blocked_clients"] for node in cluster.nodes]
        return bool(sum(infos) == number)

    await eventually(blocked)


@pytest.mark.parametrize("place", range(3))
async def test_waiter_on_queues_of_all_nodes_wakes_when_one_of_them_gets_a_task(
    cluster: ValkeyCluster, store: TestStore, place: int
) -> None:
    queues = await cluster.queues_apart()
    waiter = asyncio.create_task(store.notifications.wait_for_work(queues, LONG_S))
    await until_blocked(cluster, 3)
    await store.enqueue(make_task(queue=queues[place]))
    assert await asyncio.wait_for(waiter, 5)
    await until_blocked(cluster, 0)


async def test_no_wakeup_is_swallowed_when_all_nodes_get_a_task_at_once(
    cluster: ValkeyCluster, store: TestStore
) -> None:
    queues = await cluster.queues_apart()
    waiters = [asyncio.create_task(store.notifications.wait_for_work(queues, LONG_S)) for _ in range(3)]
    await until_blocked(cluster, 9)
    await store.enqueue(*(make_task(queue=queue) for queue in queues))
    await asyncio.wait(waiters, return_when=asyncio.FIRST_COMPLETED)
    for waiter in waiters:
        waiter.cancel()
    await asyncio.gather(*waiters, return_exceptions=True)
    answers = await store.worker().leases.lease([(queue, 5) for queue in queues])
    assert [len(answer.leases) for answer in answers] == [1, 1, 1]  # type: ignore[union-attr]


async def test_wait_for_work_times_out_when_nothing_is_enqueued(cluster: ValkeyCluster, store: TestStore) -> None:
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


async def test_due_notifications_arrive_from_all_nodes_when_subscribing_is_the_first_call(
    cluster: ValkeyCluster, store: TestStore
) -> None:
    queues = await cluster.queues_apart()
    subscriber = TestStore(cluster.url)
    received: list[str] = []
    earlier_ms = count(0, 1_000)
    subscription = asyncio.create_task(_collect(subscriber.notifications.due_queues(), received))
    for queue in queues:

        async def is_received(queue: str = queue) -> bool:
            # Each due time is earlier than the last, so each is published; the first ones may precede the subscription.
            await store.enqueue(make_task(queue=queue, process_at_ms=now_ms() + HOUR_MS - next(earlier_ms)))
            return queue in received

        await eventually(is_received)
    subscription.cancel()
    await asyncio.gather(subscription, return_exceptions=True)
    await subscriber.close()


async def test_cancel_notification_arrives_from_every_node(cluster: ValkeyCluster, store: TestStore) -> None:
    received: list[CancelRequest] = []
    subscription = asyncio.create_task(_collect(store.notifications.cancels(), received))
    for queue in await cluster.queues_apart():
        task = make_task(queue=queue)
        await store.enqueue(task)
        await store.worker().lease_one(task)

        async def is_received(queue: str = queue, task_id: str = task.id) -> bool:
            # Each cancel publishes again; the first ones may precede the subscription.
            await store.control.cancel(queue, task_id)
            return CancelRequest(queue, task_id) in received

        await eventually(is_received)
    subscription.cancel()
    await asyncio.gather(subscription, return_exceptions=True)


async def _collect(notifications: AsyncIterator[Message], received: list[Message]) -> None:
    async for each in notifications:
        received.append(each)  # noqa: PERF401 - it never ends
