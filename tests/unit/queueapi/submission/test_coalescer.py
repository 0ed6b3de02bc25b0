from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from queueapi.submission import coalescer
from queueapi.submission.coalescer import EnqueueCoalescer
from queuecore.domain.state import TaskState
from queuecore.errors import StoreFull, StoreUnavailable
from queuecore.store.tasks.enqueue import Enqueue, Enqueued
from queuecore.testing.builders import make_task


class SlowStore:
    """Answers each call when its gate opens."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.gate = asyncio.Semaphore(0)
        self.error: Exception | None = None

    async def enqueue(self, requests: Sequence[Enqueue]) -> list[Enqueued | StoreFull]:
        self.calls.append([request.task.id for request in requests])
        await self.gate.acquire()
        if self.error:
            raise self.error
        return [_answer(request) for request in requests]


def _answer(request: Enqueue) -> Enqueued | StoreFull:
    return StoreFull() if request.task.id == "full" else Enqueued(request.task.id, TaskState.PENDING)


def make(task_id: str) -> Enqueue:
    return Enqueue(make_task(id=task_id))


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_enqueue_calls_at_once_when_no_call_is_in_flight() -> None:
    store = SlowStore()
    store.gate.release()

    outcome = await EnqueueCoalescer(store.enqueue).enqueue(make("a"))

    assert outcome == Enqueued("a", TaskState.PENDING)
    assert store.calls == [["a"]]


@pytest.mark.parametrize("turns", range(7))
async def test_enqueue_is_answered_when_it_arrives_as_the_flush_before_it_ends(turns: int) -> None:
    store = SlowStore()
    store.gate = asyncio.Semaphore(2)
    edge = EnqueueCoalescer(store.enqueue)
    first = asyncio.create_task(edge.enqueue(make("a")))
    for _ in range(turns):
        await asyncio.sleep(0)

    async with asyncio.timeout(5):
        assert await edge.enqueue(make("b")) == Enqueued("b", TaskState.PENDING)
        await first


async def test_enqueue_shares_a_call_when_requests_arrive_during_another() -> None:
    store = SlowStore()
    edge = EnqueueCoalescer(store.enqueue)
    waiting = [asyncio.create_task(edge.enqueue(make("a")))]
    await settle()
    waiting += [asyncio.create_task(edge.enqueue(make(name))) for name in ("b", "full", "c")]
    await settle()
    store.gate.release()
    store.gate.release()

    outcomes = await asyncio.gather(*waiting)

    assert store.calls == [["a"], ["b", "full", "c"]]
    assert [type(outcome) for outcome in outcomes] == [Enqueued, Enqueued, StoreFull, Enqueued]


async def test_enqueue_splits_calls_when_more_requests_wait_than_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coalescer, "FLUSH_SIZE", 2)
    store = SlowStore()
    edge = EnqueueCoalescer(store.enqueue)
    waiting = [asyncio.create_task(edge.enqueue(make(str(number)))) for number in range(5)]
    for _ in range(3):
        store.gate.release()

    await asyncio.gather(*waiting)

    assert [len(call) for call in store.calls] == [2, 2, 1]


async def test_enqueue_fails_for_every_caller_and_continues_when_the_call_fails() -> None:
    store = SlowStore()
    store.error = StoreUnavailable()
    edge = EnqueueCoalescer(store.enqueue)
    store.gate.release()

    results = await asyncio.gather(edge.enqueue(make("a")), edge.enqueue(make("b")), return_exceptions=True)

    assert [type(result) for result in results] == [StoreUnavailable, StoreUnavailable]
    store.error = None
    store.gate.release()
    assert await edge.enqueue(make("c")) == Enqueued("c", TaskState.PENDING)


async def test_enqueue_refuses_when_too_many_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coalescer, "BACKLOG_SIZE", 1)
    store = SlowStore()
    edge = EnqueueCoalescer(store.enqueue)
    first = asyncio.create_task(edge.enqueue(make("a")))
    await settle()
    second = asyncio.create_task(edge.enqueue(make("b")))
    await settle()

    with pytest.raises(StoreUnavailable):
        await edge.enqueue(make("c"))

    store.gate.release()
    store.gate.release()
    await asyncio.gather(first, second)


async def test_enqueue_serves_the_others_when_a_caller_is_cancelled() -> None:
    store = SlowStore()
    edge = EnqueueCoalescer(store.enqueue)
    gone, stays = (asyncio.create_task(edge.enqueue(make(name))) for name in ("a", "b"))
    await settle()
    gone.cancel()
    store.gate.release()

    assert await stays == Enqueued("b", TaskState.PENDING)


@pytest.mark.parametrize("raised", [True, False], ids=["whole-call", "its-queue"])
async def test_enqueue_fails_waiting_requests_with_the_first_when_their_store_is_unreachable(raised: bool) -> None:
    unreachable, gate = StoreUnavailable(), asyncio.Semaphore(0)
    calls: list[list[str]] = []

    async def enqueue(requests: Sequence[Enqueue]) -> list[Enqueued | StoreUnavailable]:
        calls.append([request.task.id for request in requests])
        await gate.acquire()
        if raised and requests[0].task.queue == "away":
            raise unreachable
        return [
            unreachable if request.task.queue == "away" else Enqueued(request.task.id, TaskState.PENDING)
            for request in requests
        ]

    edge = EnqueueCoalescer(enqueue)
    first = asyncio.create_task(edge.enqueue(Enqueue(make_task(id="a", queue="away"))))
    await settle()
    second = asyncio.create_task(edge.enqueue(Enqueue(make_task(id="b", queue="away"))))
    other = asyncio.create_task(edge.enqueue(Enqueue(make_task(id="c", queue="there"))))
    await settle()
    gate.release()
    results: list[object] = list(await asyncio.gather(first, second, return_exceptions=True))
    gate.release()

    assert results == [unreachable, unreachable]
    assert await other == Enqueued("c", TaskState.PENDING)
    assert calls == [["a"], ["c"]]
