from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import TypeVar

from queuecore.store.attempts.settlement import Failure
from queuecore.testing.builders import make_task, now_ms
from queuecore.testing.store import TestStore

T = TypeVar("T")

HOUR_MS = 3_600_000
LONG_S = 30.0


async def blocked_clients(store: TestStore) -> int:
    return int((await store.server.client.info("clients"))["blocked_clients"])


async def until_blocked(store: TestStore, number: int) -> None:
    async with asyncio.timeout(5):
        while await blocked_clients(store) < number:  # noqa: ASYNC110 - the server has no event for it
            await asyncio.sleep(0)


async def test_one_enqueue_wakes_one_waiter(store: TestStore) -> None:
    waiters = [asyncio.create_task(store.notifications.wait_for_work(["default"], LONG_S)) for _ in range(5)]
    await until_blocked(store, 5)
    await store.enqueue(make_task())
    done, pending = await asyncio.wait(waiters, return_when=asyncio.FIRST_COMPLETED)
    assert [waiter.result() for waiter in done] == [["default"]]
    assert await blocked_clients(store) == 4
    for waiter in pending:
        waiter.cancel()
    await asyncio.gather(*pending, return_exceptions=True)


async def test_waiter_is_woken_at_once_when_work_came_before_it_slept(store: TestStore) -> None:
    await store.enqueue(make_task(queue="two"))
    assert await store.notifications.wait_for_work(["one", "two"], LONG_S)


async def test_wait_for_work_times_out_when_nothing_is_enqueued(store: TestStore) -> None:
    assert not await store.notifications.wait_for_work(["default"], 0.05)


async def test_wakeups_are_passed_on_until_all_tasks_are_leased(store: TestStore) -> None:
    async def lease_when_woken() -> int:
        await store.notifications.wait_for_work(["default"], LONG_S)
        return len(await store.worker().lease(limit=1))

    waiters = [asyncio.create_task(lease_when_woken()) for _ in range(4)]
    await until_blocked(store, 4)
    await store.enqueue(*(make_task() for _ in range(4)))
    assert await asyncio.gather(*waiters) == [1, 1, 1, 1]


async def test_due_notification_is_sent_only_when_a_task_is_the_earliest(store: TestStore) -> None:
    notifications = store.notifications.due_queues()
    first = await subscribed(store, notifications)
    await store.enqueue(make_task(process_at_ms=now_ms() + HOUR_MS))
    await store.enqueue(make_task(process_at_ms=now_ms() + 2 * HOUR_MS))
    await store.enqueue(make_task(process_at_ms=now_ms() + HOUR_MS // 2))
    await store.enqueue(make_task(queue="other", process_at_ms=now_ms() + 3 * HOUR_MS))
    assert [await first, await anext(notifications), await anext(notifications)] == ["default", "default", "other"]
    await notifications.aclose()


async def test_due_notification_is_sent_when_a_retry_is_the_earliest(store: TestStore) -> None:
    notifications = store.notifications.due_queues()
    first = await subscribed(store, notifications)
    task = make_task(queue="mail")
    await store.enqueue(task)
    worker = store.worker()
    await worker.settlements.fail([Failure(await worker.lease_one(task), 1, "no", retry_in_ms=HOUR_MS)])
    assert await first == "mail"
    await notifications.aclose()


async def test_cancel_signal_names_the_running_task(store: TestStore) -> None:
    notifications = store.notifications.cancels()
    first = await subscribed(store, notifications)
    running, waiting = make_task(), make_task(queue="other")
    await store.enqueue(running, waiting)
    await store.worker().lease_one(running)
    await store.control.cancel("other", waiting.id)
    await store.control.cancel("default", running.id)
    assert await first == ("default", running.id)
    await notifications.aclose()


async def subscribed(store: TestStore, notifications: AsyncGenerator[T, None]) -> asyncio.Task[T]:
    """The first notification; returns after the server has confirmed the subscription."""
    first = asyncio.ensure_future(anext(notifications))
    async with asyncio.timeout(5):
        while not await store.server.command("PUBSUB", "CHANNELS", "taskyard:*"):  # noqa: ASYNC110 - nor for this
            await asyncio.sleep(0)
    return first


async def test_pending_queues_are_found_among_empty_ones(store: TestStore) -> None:
    queues = ["one", "two", "three"]
    assert await store.notifications.find_pending(queues) == []
    await store.enqueue(make_task(queue="three"), make_task(queue="one"))
    assert await store.notifications.find_pending(queues) == ["one", "three"]
