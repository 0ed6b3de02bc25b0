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
from queuecore.store.attempts.leases import Lease, Leased, UnreadableLease
from queuecore.store.scripts.keys import envelope_key, queue_keys
from queuecore.testing.builders import make_task
from queuecore.testing.store import TestStore
from queuecore.testing.waiting import eventually
from queuecore.wire import envelope
from queueworker.queue_order import QueueOrder, StrictOrder, WeightedOrder
from queueworker.roles.leaser import BLOCKED_PAUSE_S, MAX_PER_LEASE, Leaser
from queueworker.runs.slots import Slots

NEVER_S = 3_600.0


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    """A server without the shared scheduler and worker, because its commands are counted."""
    with EmbeddedValkey(tmp_path / "valkey") as server:
        yield server


class Bench:
    """A leaser whose tasks run until the test ends them."""

    def __init__(self, store: TestStore, slots: int, order: QueueOrder, safety_poll_s: float = NEVER_S) -> None:
        worker = store.worker()
        self.slots = Slots(slots)
        self.started: list[Lease] = []
        self.unreadable: list[UnreadableLease] = []
        self.full: asyncio.Future[None] | None = None
        self.ends_at_once = False
        self.leaser = Leaser(
            leases=worker.leases,
            notifications=store.notifications,
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
        if self.ends_at_once:
            self.slots.give_back()

    def end(self, tasks: int) -> None:
        """End some of the running tasks."""
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
    """Calls of each command."""
    stats: dict[str, Any] = await store.server.client.info("commandstats")
    return Counter({name.removeprefix("cmdstat_"): int(each["calls"]) for name, each in stats.items()})


async def test_leaser_fills_its_slots_and_no_more(store: TestStore) -> None:
    await store.enqueue(*(make_task() for _ in range(12)))
    bench = Bench(store, 5, one_queue())
    async with bench.leasing():
        await bench.until_started(5)
    assert bench.slots.free == 0
    (stats,) = await store.queues.stats(["default"])
    assert stats.counts[TaskState.PENDING] == 7


async def test_leaser_refills_a_slot_when_it_is_freed(store: TestStore) -> None:
    await store.enqueue(*(make_task() for _ in range(12)))
    bench = Bench(store, 5, one_queue())
    async with bench.leasing():
        await bench.until_started(5)
        bench.end(2)
        await bench.until_started(7)
        bench.end(1)
        await bench.until_started(8)


async def test_leaser_is_woken_when_a_task_is_enqueued(store: TestStore) -> None:
    bench = Bench(store, 5, StrictOrder(["default", "other"]))
    async with bench.leasing():
        await until_asleep(store)
        await store.enqueue(make_task(queue="other"))
        await bench.until_started(1)
        await until_asleep(store)
        await store.enqueue(make_task(), make_task())
        await bench.until_started(3)


async def test_leaser_makes_one_poll_per_interval_when_nothing_is_pending(store: TestStore) -> None:
    bench = Bench(store, 5, WeightedOrder({"default": 1, "other": 1}), safety_poll_s=0.05)
    async with bench.leasing():
        await until_asleep(store)
        before = await calls(store)

        async def has_polled() -> bool:
            return (await calls(store) - before)["blpop"] >= 5

        await eventually(has_polled)
        made = await calls(store) - before
    # One command for all queues at each poll.
    assert made["exists"] <= made["blpop"]
    assert set(made) <= {"blpop", "exists", "info"}


@pytest.mark.parametrize("queue", ["default", "other"])
async def test_leaser_leases_a_task_when_another_was_woken_for_it_and_died(store: TestStore, queue: str) -> None:
    bench = Bench(store, 5, StrictOrder(["default", "other"]), safety_poll_s=0.05)
    dying = asyncio.create_task(store.notifications.wait_for_work(["default", "other"], NEVER_S))
    await until_asleep(store)
    async with bench.leasing():
        await until_asleep(store, 2)
        await store.enqueue(make_task(queue=queue))
        assert await dying
        await bench.until_started(1)


async def test_leaser_wakes_another_when_it_leaves_tasks_behind(store: TestStore) -> None:
    one, two = Bench(store, 2, one_queue()), Bench(store, 2, one_queue())
    async with one.leasing(), two.leasing():
        await store.enqueue(*(make_task() for _ in range(4)))
        await one.until_started(2)
        await two.until_started(2)


async def test_leaser_divides_many_slots_by_weight(store: TestStore) -> None:
    queues = {"high": 6, "middle": 3, "low": 1}
    for queue in queues:
        await store.enqueue(*(make_task(queue=queue) for _ in range(500)))
    bench = Bench(store, 500, WeightedOrder(queues))
    async with bench.leasing():
        await bench.until_started(500)
    assert Counter(lease.task.queue for lease in bench.started) == {"high": 300, "middle": 150, "low": 50}


async def test_leaser_leases_a_bounded_number_of_tasks_per_call(store: TestStore) -> None:
    await store.enqueue(*(make_task() for _ in range(2 * MAX_PER_LEASE + 1)))
    before = await calls(store)
    bench = Bench(store, 2 * MAX_PER_LEASE + 1, one_queue())
    async with bench.leasing():
        await bench.until_started(2 * MAX_PER_LEASE + 1)
    made = await calls(store) - before
    assert made["evalsha"] + made["eval"] >= 3


async def test_leaser_takes_the_later_queue_only_when_the_first_is_empty(store: TestStore) -> None:
    await store.enqueue(*(make_task(queue=queue) for queue in ("low", "low", "high", "high", "high")))
    bench = Bench(store, 4, StrictOrder(["high", "low"]))
    async with bench.leasing():
        await bench.until_started(4)
    assert [lease.task.queue for lease in bench.started] == ["high", "high", "high", "low"]


@pytest.mark.parametrize("kind", ["strict", "weighted"])
@pytest.mark.parametrize("slots", [1, 10])
async def test_leaser_asks_the_queue_with_tasks_only_when_a_thousand_are_empty(
    store: TestStore, kind: str, slots: int
) -> None:
    queues = [f"queue-{number}" for number in range(1_000)]
    await store.enqueue(*(make_task(queue=queues[-1]) for _ in range(100)))
    order = StrictOrder(queues) if kind == "strict" else WeightedOrder(dict.fromkeys(queues, 1))
    bench = Bench(store, slots, order)
    before = await calls(store)
    async with bench.leasing():
        for started in range(slots, 101, slots):
            await bench.until_started(started)
            bench.end(slots)
        await until_asleep(store)
    made = await calls(store) - before
    assert made["evalsha"] + made["eval"] <= 100 / slots + 5


async def test_leaser_takes_the_first_queue_when_it_gets_tasks_while_a_later_one_is_busy(store: TestStore) -> None:
    await store.enqueue(*(make_task(queue="low") for _ in range(3_000)))
    bench = Bench(store, 1, StrictOrder(["high", "low"]))
    async with bench.leasing():
        await bench.until_started(1)
        await store.enqueue(make_task(queue="high"))

        async def has_started_high() -> bool:
            if not bench.slots.free:
                bench.end(1)
            return any(lease.task.queue == "high" for lease in bench.started)

        await eventually(has_started_high)
    assert len(bench.started) < 3_000


async def test_leaser_takes_the_first_queue_when_tasks_of_a_later_one_end_at_once(store: TestStore) -> None:
    bench = Bench(store, 1, StrictOrder(["urgent", "busy"]))
    await store.enqueue(*(make_task(queue="busy") for _ in range(400)))
    bench.ends_at_once = True
    async with bench.leasing():
        await eventually(lambda: len(bench.started) >= 5)
        await store.enqueue(make_task(queue="urgent"))
        await eventually(lambda: len(bench.started) == 401)
    assert [lease.task.queue for lease in bench.started].index("urgent") < 400


async def test_leaser_takes_the_later_queue_last_when_calls_are_bounded_by_bytes(store: TestStore) -> None:
    large = [make_task(queue="first", payload=b'{"a":"%b"}' % (300_000 * b"x")) for _ in range(8)]
    await store.enqueue(*large, *(make_task(queue="later") for _ in range(20)))
    bench = Bench(store, 20, StrictOrder(["first", "later"]))
    async with bench.leasing():
        await bench.until_started(20)
    assert Counter(lease.task.queue for lease in bench.started) == {"first": 8, "later": 12}


async def test_leaser_leases_nothing_when_there_is_backpressure(store: TestStore) -> None:
    await store.enqueue(make_task())
    bench = Bench(store, 5, one_queue())
    bench.full = full = asyncio.get_running_loop().create_future()
    async with bench.leasing():
        async with asyncio.timeout(5):
            # The leaser makes no call to the store, however often the loop turns.
            for _ in range(50):
                await store.server.command("PING")
        assert (await calls(store))["zpopmin"] == 0
        bench.full = None
        full.set_result(None)
        await bench.until_started(1)


async def test_leaser_archives_tasks_when_they_are_unreadable(store: TestStore) -> None:
    broken, sound = make_task(), make_task()
    await store.enqueue(broken, sound)
    await store.damage(broken)
    bench = Bench(store, 5, one_queue())
    async with bench.leasing():
        await bench.until_started(1)
    assert [each.task_id for each in bench.unreadable] == [broken.id]


@pytest.mark.parametrize("slots", [2, 100])
async def test_leaser_starts_what_it_leased_when_it_is_stopped_during_the_call(store: TestStore, slots: int) -> None:
    tasks: list[Task] = [make_task() for _ in range(50)]
    await store.enqueue(*tasks)
    bench = Bench(store, slots, one_queue())
    async with bench.leasing():
        # Stop as soon as the first call is in flight.
        await asyncio.sleep(0)
    assert len(bench.started) == min(slots, len(tasks))
    (stats,) = await store.queues.stats(["default"])
    assert stats.counts[TaskState.ACTIVE] == len(bench.started)


async def test_leaser_resumes_when_the_store_recovers(store: TestStore, valkey: EmbeddedValkey) -> None:
    bench = Bench(store, 5, one_queue())
    async with bench.leasing():
        await until_asleep(store)
        valkey.kill()
        valkey.start()
        await store.enqueue(make_task())
        await bench.until_started(1)


async def test_leaser_is_woken_when_the_server_has_forgotten_its_scripts(store: TestStore) -> None:
    bench = Bench(store, 5, one_queue())
    async with bench.leasing():
        await until_asleep(store)
        await store.server.client.script_flush()
        await store.enqueue(make_task())
        await bench.until_started(1)
        await until_asleep(store)


async def test_leaser_starts_what_it_leased_when_it_is_stopped_asleep(store: TestStore) -> None:
    for number in range(1, 21):
        bench = Bench(store, 5, one_queue())
        async with bench.leasing():
            await until_asleep(store)
            arriving = asyncio.create_task(store.enqueue(make_task()))
            for _ in range(number % 7):
                await asyncio.sleep(0)
        await arriving
        (stats,) = await store.queues.stats(["default"])
        assert stats.counts[TaskState.ACTIVE] == len(bench.started)
        await store.server.client.flushdb()


async def test_leaser_reaches_a_task_behind_many_newer_ones_with_few_commands(store: TestStore) -> None:
    newer, readable = [make_task() for _ in range(3_000)], make_task()
    await store.enqueue(*newer)
    keys, version = queue_keys("default"), bytes([envelope.VERSION + 1])
    await store.server.commands([("SETRANGE", envelope_key(keys, task.id), 0, version) for task in newer])
    await store.enqueue(readable)
    bench = Bench(store, 5, one_queue())
    async with bench.leasing():
        await bench.until_started(1)
        await until_asleep(store)
    assert bench.started[0].task == readable
    assert (await store.server.client.info("commandstats"))["cmdstat_evalsha"]["calls"] < 40


async def test_leaser_pauses_when_only_newer_tasks_are_found_and_more_are_behind(
    store: TestStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    bench = Bench(store, 5, one_queue())

    async def lease(wanted: list[tuple[str, int]]) -> list[Leased]:
        return [Leased([], [], orphans=0, newer=1_000, behind=1) for _ in wanted]

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            bench.leaser.stop()
            await asyncio.Event().wait()

    monkeypatch.setattr(bench.leaser._leases, "lease", lease)
    monkeypatch.setattr("queueworker.roles.leaser.asyncio.sleep", sleep)
    await bench.leaser.run()
    assert pauses == [BLOCKED_PAUSE_S] * 3
