from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from prometheus_client import CollectorRegistry

from queueapi.submission.durability import GROUPS_IN_FLIGHT, DurabilityMetrics, EnqueueLanes
from queuecore.domain.durability import FSYNC, MEMORY, Durability
from queuecore.domain.state import TaskState
from queuecore.errors import NotDurable
from queuecore.store.tasks.enqueue import AttemptResult, Enqueue, Enqueued, OtherDurability
from queuecore.testing.builders import make_task

ONE_REPLICA = Durability("replicas", 1)


class Store:
    """Answers calls for queues that wait for replicas when the gate opens, and others at once."""

    def __init__(self, **durability: Durability) -> None:
        self.stored = durability
        self.known: dict[str, Durability] = {}
        self.gate = asyncio.Event()
        self.calls: list[list[str]] = []

    def durability(self, queue: str) -> Durability:
        return self.known.get(queue, MEMORY)

    async def attempt(self, requests: Sequence[Enqueue]) -> list[AttemptResult]:
        self.calls.append([request.task.queue for request in requests])
        if any(self.durability(request.task.queue).replicas for request in requests):
            await self.gate.wait()
        return [self._result(request) for request in requests]

    def _result(self, request: Enqueue) -> AttemptResult:
        queue = request.task.queue
        if self.durability(queue) != self.stored.get(queue, MEMORY):
            self.known[queue] = self.stored.get(queue, MEMORY)
            return OtherDurability(queue)
        return Enqueued(request.task.id, TaskState.PENDING)


def make(queue: str) -> Enqueue:
    return Enqueue(make_task(queue=queue))


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_task_is_not_delayed_by_tasks_that_wait_for_replicas() -> None:
    store = Store(copied=ONE_REPLICA, synced=FSYNC)
    lanes = EnqueueLanes(store.attempt, store.durability)
    waiting = asyncio.create_task(lanes.enqueue(make("copied")))
    await settle()

    assert isinstance(await lanes.enqueue(make("plain")), Enqueued)
    assert isinstance(await lanes.enqueue(make("synced")), Enqueued)
    assert not waiting.done()
    store.gate.set()
    assert isinstance(await waiting, Enqueued)


async def test_calls_that_wait_for_replicas_are_in_flight_together_up_to_a_number() -> None:
    store = Store(copied=ONE_REPLICA)
    store.known["copied"] = ONE_REPLICA
    lanes = EnqueueLanes(store.attempt, store.durability)
    waiting = []
    for _ in range(GROUPS_IN_FLIGHT + 3):
        waiting.append(asyncio.create_task(lanes.enqueue(make("copied"))))
        await settle()
    assert [len(call) for call in store.calls] == [1] * GROUPS_IN_FLIGHT
    store.gate.set()
    await asyncio.gather(*waiting)
    assert len(store.calls[-1]) == 3


async def test_task_is_not_durable_when_the_durability_of_its_queue_never_settles() -> None:
    async def attempt(requests: Sequence[Enqueue]) -> list[AttemptResult]:
        return [OtherDurability(request.task.queue) for request in requests]

    result = await EnqueueLanes(attempt, lambda _: MEMORY).enqueue(make("default"))
    assert isinstance(result, NotDurable)
    assert str(result).startswith("the task was not stored: the durability of queue default")


@pytest.mark.parametrize("result", [Enqueued("a", TaskState.PENDING), OtherDurability("mail"), NotDurable()])
def test_only_tasks_that_were_not_confirmed_are_counted(result: AttemptResult) -> None:
    registry = CollectorRegistry()
    DurabilityMetrics(registry).record([make("mail")], [result])
    counted = registry.get_sample_value("taskyard_enqueues_not_durable_total", {"queue": "mail"})
    assert counted == (1 if isinstance(result, NotDurable) else None)
