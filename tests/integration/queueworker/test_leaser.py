from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from queuecore.domain.backoff import Backoff
from queuecore.domain.state import TaskState
from queuecore.domain.task import Task
from queuecore.embedded import EmbeddedValkey
from queuecore.store.attempts.leases import Lease, UnreadableLease
from queuecore.testing.builders import make_task
from queuecore.testing.store import TestStore
from queuecore.testing.waiting import eventually
from queueworker.queue_order import QueueOrder, StrictOrder, WeightedOrder
from queueworker.roles.leaser import MAX_PER_LEASE, Leaser
from queueworker.runs.slots import Slots

NEVER_S = 3_600.0


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    """A server without the shared scheduler and worker: its commands are counted."""
    with EmbeddedValkey(tmp_path / "valkey") as server:
        yield server


class Desk:
    """A leaser whose tasks run until they are told to end."""

    def __init__(self, store: TestStore, slots: int, order: QueueOrder, safety_poll_s: float = NEVER_S) -> None:
        worker = store.worker()
        self.slots = Slots(slots)
        self.started: list[Lease] = []
        self.unreadable: list[UnreadableLease] = []
        self.full: asyncio.Future[None] | None = None
        self.leaser = Leaser(
            leases=worker.leases,
            notifications=store.signals,
            order=order,
            slots=self.slots,
            start=self._start,
            archive_unreadable=self.unreadable.extend,
            backpressure=lambda: self.full,
            safety_poll_s=safety_poll_s,
            backoff=Backoff(lambda: 0.0),
        )

    def _start(self, lease: Lease) -> None:
        self.slots.take()
        self.started.append(lease)

    def end(self, tasks: int) -> None:
        """End some of the tasks that run."""
        for _ in range(tasks):
            self.slots.give_back()

    async def until_started(self, tasks: int) -> None:
        await eventually(lambda: len(self.started) >= tasks)
        assert len(self.started) == tasks

    @asynccontextmanager
    async def leasing(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.leaser.run())
        try:
            yield
        finally:
            self.leaser.stop()
            _, unfinished = await asyncio.wait([task], timeout=10)
            task.cancel()
            assert not unfinished
            await task


def one_queue() -> QueueOrder:
    return WeightedOrder({"default": 1})


async def until_asleep(store: TestStore, sleepers: int = 1) -> None:
    async def sleeps() -> bool:
        return int((await store.server.client.info("clients"))["blocked_clients"]) == sleepers

    await eventually(sleeps)


async def calls(store: TestStore) -> Counter[str]:
    """How often each command was called."""
    stats: dict[str, Any] = await store.server.client.info("commandstats")
    return Counter({name.removeprefix("cmdstat_"): int(each["calls"]) for name, each in stats.items()})


async def test_leaser_fills_its_slots_and_no_more(store: TestStore) -> None:
    await store.enqueue(*(make_task() for _ in range(12)))
    desk = Desk(store, 5, one_queue())
    async with desk.leasing():
        await desk.until_started(5)
    assert desk.slots.free == 0
    (stats,) = await store.queues.stats(["default"])
    assert stats.counts[TaskState.PENDING] == 7


async def test_leaser_refills_a_slot_when_it_is_freed(store: TestStore) -> None:
    await store.enqueue(*(make_task() for _ in range(12)))
    desk = Desk(store, 5, one_queue())
    async with desk.leasing():
        await desk.until_started(5)
        desk.end(2)
        await desk.until_started(7)
        desk.end(1)
        await desk.until_started(8)


async def test_leaser_is_woken_by_an_enqueue(store: TestStore) -> None:
    desk = Desk(store, 5, StrictOrder(["default", "other"]))
    async with desk.leasing():
        await until_asleep(store)
        await store.enqueue(make_task(queue="other"))
        await desk.until_started(1)
        await until_asleep(store)
        await store.enqueue(make_task(), make_task())
        await desk.until_started(3)


async def test_leaser_asks_seldom_when_nothing_is_pending(store: TestStore) -> None:
    desk = Desk(store, 5, WeightedOrder({"default": 1, "other": 1}), safety_poll_s=0.05)
    async with desk.leasing():
        await until_asleep(store)
        before = await calls(store)

        async def has_polled() -> bool:
            return (await calls(store) - before)["blpop"] >= 5

        await eventually(has_polled)
        made = await calls(store) - before
    # One look at all queues each time.
    assert made["exists"] <= made["blpop"]
    assert set(made) <= {"blpop", "exists", "info"}


@pytest.mark.parametrize("queue", ["default", "other"])
async def test_leaser_finds_what_another_was_woken_for_and_did_not_take(store: TestStore, queue: str) -> None:
    desk = Desk(store, 5, StrictOrder(["default", "other"]), safety_poll_s=0.05)
    dying = asyncio.create_task(store.signals.wait_for_work(["default", "other"], NEVER_S))
    await until_asleep(store)
    async with desk.leasing():
        await until_asleep(store, 2)
        await store.enqueue(make_task(queue=queue))
        assert await dying
        await desk.until_started(1)


async def test_leaser_wakes_another_when_it_leaves_tasks_behind(store: TestStore) -> None:
    one, two = Desk(store, 2, one_queue()), Desk(store, 2, one_queue())
    async with one.leasing(), two.leasing():
        await store.enqueue(*(make_task() for _ in range(4)))
        await one.until_started(2)
        await two.until_started(2)


async def test_leaser_divides_many_slots_by_weight(store: TestStore) -> None:
    queues = {"high": 6, "middle": 3, "low": 1}
    for queue in queues:
        await store.enqueue(*(make_task(queue=queue) for _ in range(500)))
    desk = Desk(store, 500, WeightedOrder(queues))
    async with desk.leasing():
        await desk.until_started(500)
    assert Counter(lease.task.queue for lease in desk.started) == {"high": 300, "middle": 150, "low": 50}


async def test_leaser_leases_a_bounded_number_of_tasks_per_call(store: TestStore) -> None:
    await store.enqueue(*(make_task() for _ in range(2 * MAX_PER_LEASE + 1)))
    before = await calls(store)
    desk = Desk(store, 2 * MAX_PER_LEASE + 1, one_queue())
    async with desk.leasing():
        await desk.until_started(2 * MAX_PER_LEASE + 1)
    made = await calls(store) - before
    assert made["evalsha"] + made["eval"] >= 3


async def test_leaser_takes_the_later_queue_only_when_the_first_is_empty(store: TestStore) -> None:
    await store.enqueue(*(make_task(queue=queue) for queue in ("low", "low", "high", "high", "high")))
    desk = Desk(store, 4, StrictOrder(["high", "low"]))
    async with desk.leasing():
        await desk.until_started(4)
    assert [lease.task.queue for lease in desk.started] == ["high", "high", "high", "low"]


async def test_leaser_leases_nothing_while_too_many_outcomes_wait(store: TestStore) -> None:
    await store.enqueue(make_task())
    desk = Desk(store, 5, one_queue())
    desk.full = full = asyncio.get_running_loop().create_future()
    async with desk.leasing():
        async with asyncio.timeout(5):
            # Nothing is asked of the store, however often the loop comes round.
            for _ in range(50):
                await store.server.command("PING")
        assert (await calls(store))["zpopmin"] == 0
        desk.full = None
        full.set_result(None)
        await desk.until_started(1)


async def test_leaser_hands_over_what_cannot_be_read(store: TestStore) -> None:
    broken, sound = make_task(), make_task()
    await store.enqueue(broken, sound)
    await store.damage(broken)
    desk = Desk(store, 5, one_queue())
    async with desk.leasing():
        await desk.until_started(1)
    assert [each.task_id for each in desk.unreadable] == [broken.id]


@pytest.mark.parametrize("slots", [2, 100])
async def test_leaser_starts_what_it_leases_and_then_ends_when_it_is_stopped_during_the_call(
    store: TestStore, slots: int
) -> None:
    tasks: list[Task] = [make_task() for _ in range(50)]
    await store.enqueue(*tasks)
    desk = Desk(store, slots, one_queue())
    async with desk.leasing():
        # As soon as it has begun: its first call is under way.
        await asyncio.sleep(0)
    assert len(desk.started) == min(slots, len(tasks))
    (stats,) = await store.queues.stats(["default"])
    assert stats.counts[TaskState.ACTIVE] == len(desk.started)


async def test_leaser_goes_on_when_the_store_comes_back(store: TestStore, valkey: EmbeddedValkey) -> None:
    desk = Desk(store, 5, one_queue())
    async with desk.leasing():
        await until_asleep(store)
        valkey.kill()
        valkey.start()
        await store.enqueue(make_task())
        await desk.until_started(1)


async def test_leaser_is_woken_when_the_server_has_forgotten_its_scripts(store: TestStore) -> None:
    desk = Desk(store, 5, one_queue())
    async with desk.leasing():
        await until_asleep(store)
        await store.server.client.script_flush()
        await store.enqueue(make_task())
        await desk.until_started(1)
        await until_asleep(store)


async def test_leaser_begins_what_it_leases_while_it_is_stopped_asleep(store: TestStore) -> None:
    for number in range(1, 21):
        desk = Desk(store, 5, one_queue())
        async with desk.leasing():
            await until_asleep(store)
            arriving = asyncio.create_task(store.enqueue(make_task()))
            for _ in range(number % 7):
                await asyncio.sleep(0)
        await arriving
        (stats,) = await store.queues.stats(["default"])
        assert stats.counts[TaskState.ACTIVE] == len(desk.started)
        await store.server.client.flushdb()
