from __future__ import annotations

from queuecore.store.scripts.keys import QUEUES
from queuecore.testing.builders import make_task
from queuecore.testing.store import TestStore


async def test_queue_with_tasks_is_registered_again_when_the_registry_is_lost(store: TestStore) -> None:
    await store.enqueue(make_task(queue="a"), make_task(queue="b"))
    await store.server.command("DEL", QUEUES)
    await store.enqueuer.registry.check_used()
    assert await store.queues.names() == ["a", "b"]


async def test_queue_is_registered_again_when_an_old_registry_was_restored(store: TestStore) -> None:
    await store.enqueue(make_task(queue="old"), make_task(queue="new"))
    await store.server.command("SREM", QUEUES, "new")
    assert await store.registry.restore(["old", "new"]) == ["new"]
    assert await store.queues.names() == ["new", "old"]


async def test_empty_queue_is_not_registered_again_when_it_was_removed(store: TestStore) -> None:
    task = make_task()
    await store.enqueue(task)
    await store.control.delete(task.queue, task.id)
    await store.server.command("DEL", QUEUES)
    assert await store.registry.restore([task.queue]) == []
    assert await store.queues.names() == []


async def test_used_queue_is_checked_once_when_nobody_uses_it_again(store: TestStore) -> None:
    await store.enqueue(make_task())
    await store.enqueuer.registry.check_used()
    calls = _Calls()
    store.server.watch(calls.note)
    await store.enqueuer.registry.check_used()
    assert calls.number == 0


async def test_enqueue_needs_one_call_when_its_queue_is_registered(store: TestStore) -> None:
    await store.enqueue(make_task())
    calls = _Calls()
    store.server.watch(calls.note)
    await store.enqueue(make_task())
    assert calls.number == 1


class _Calls:
    def __init__(self) -> None:
        self.number = 0

    def note(self, _seconds: float, _answered: bool) -> None:
        self.number += 1
