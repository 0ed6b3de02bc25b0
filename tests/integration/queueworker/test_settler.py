from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress

import pytest
from prometheus_client import CollectorRegistry

from queuecore.domain.backoff import Backoff
from queuecore.domain.state import TaskState
from queuecore.embedded import EmbeddedValkey
from queuecore.store.attempts.leases import Lease
from queuecore.store.attempts.settlement import Failure, Success
from queuecore.testing.builders import make_task
from queuecore.testing.store import TestStore
from queuecore.testing.waiting import eventually
from queueworker.handlers.context import TaskContext
from queueworker.handlers.handler import Handler, HandlerKind
from queueworker.metrics import WorkerMetrics
from queueworker.roles.settler import Settler
from queueworker.runs.in_flight import InFlightRuns
from queueworker.runs.run import Run

MAX_UNSETTLED = 3


@pytest.fixture
def valkey(lasting_valkey: EmbeddedValkey) -> Iterator[EmbeddedValkey]:
    """A server that the test may kill."""
    with lasting_valkey:
        yield lasting_valkey


class Counter:
    """A settler at work for one worker."""

    def __init__(self, store: TestStore) -> None:
        self.worker = store.worker()
        self.in_flight = InFlightRuns()
        self.registry = CollectorRegistry()
        self.settler = Settler(
            settlements=self.worker.settlements,
            in_flight=self.in_flight,
            metrics=WorkerMetrics(self.registry, 1, lambda: 0),
            backoff=Backoff(lambda: 0.0),
            max_unsettled=MAX_UNSETTLED,
        )

    def hold(self, lease: Lease) -> Run:
        handler = Handler(lease.task.type, make_task, HandlerKind.ASYNC, dict, takes_context=False)
        run = Run(lease, handler, TaskContext(lease.task, lease.attempt, 0, lambda _: None))
        self.in_flight.add(run)
        return run

    def succeed(self, lease: Lease) -> None:
        self.settler.succeed(self.hold(lease), Success(lease, 1, b"1"))

    def fail(self, lease: Lease) -> None:
        self.settler.fail(self.hold(lease), Failure(lease, 1, "no", retry_in_ms=60_000))

    def count(self, metric: str) -> float:
        return self.registry.get_sample_value(f"taskyard_worker_{metric}_total") or 0.0

    async def until_idle(self) -> None:
        await asyncio.wait_for(self.settler.wait_until_idle(), 15)


@pytest.fixture
async def counter(store: TestStore) -> AsyncIterator[Counter]:
    made = Counter(store)
    running = asyncio.create_task(made.settler.run())
    yield made
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


async def leases(store: TestStore, counter: Counter, tasks: int) -> list[Lease]:
    await store.enqueue(*(make_task() for _ in range(tasks)))
    leased = await counter.worker.lease(limit=tasks)
    assert len(leased) == tasks
    return leased


async def test_settler_reports_outcomes_and_holds_their_tasks_no_more(store: TestStore, counter: Counter) -> None:
    good, bad = await leases(store, counter, 2)
    counter.succeed(good)
    counter.fail(bad)
    await counter.until_idle()
    assert await store.state(good.task) is TaskState.COMPLETED
    assert await store.state(bad.task) is TaskState.RETRY
    assert counter.in_flight.all() == []


async def test_settler_sends_what_came_together_in_one_call(store: TestStore, counter: Counter) -> None:
    done = await leases(store, counter, 50)
    before = (await store.server.client.info("commandstats"))["cmdstat_evalsha"]["calls"]
    for lease in done:
        counter.succeed(lease)
    await counter.until_idle()
    assert (await store.server.client.info("commandstats"))["cmdstat_evalsha"]["calls"] - before <= 1


async def test_settler_keeps_outcomes_until_the_store_is_back(
    store: TestStore, counter: Counter, valkey: EmbeddedValkey
) -> None:
    good, bad, late = await leases(store, counter, 3)
    valkey.kill()
    counter.succeed(good)
    counter.fail(bad)
    await eventually(lambda: counter.count("settle_retries") >= 2)
    counter.succeed(late)
    assert len(counter.in_flight) == 3
    valkey.start()
    await counter.until_idle()
    states = [await store.state(lease.task) for lease in (good, bad, late)]
    assert states == [TaskState.COMPLETED, TaskState.RETRY, TaskState.COMPLETED]
    assert counter.in_flight.all() == []


async def test_settler_has_no_room_while_too_many_outcomes_wait(
    store: TestStore, counter: Counter, valkey: EmbeddedValkey
) -> None:
    done = await leases(store, counter, MAX_UNSETTLED)
    valkey.kill()
    for lease in done[1:]:
        counter.succeed(lease)
    assert counter.settler.backpressure() is None
    counter.succeed(done[0])
    full = counter.settler.backpressure()
    assert full is not None
    await eventually(lambda: counter.count("settle_retries") >= 1)
    assert not full.done()
    valkey.start()
    await asyncio.wait_for(full, 15)
    await counter.until_idle()
    assert counter.settler.backpressure() is None


async def test_settler_drops_and_counts_an_outcome_that_comes_too_late(store: TestStore, counter: Counter) -> None:
    (lease,) = await leases(store, counter, 1)
    await counter.worker.leases.release([lease])
    await store.worker("another").lease()
    counter.succeed(lease)
    await counter.until_idle()
    assert counter.count("stale_settles") == 1
    assert counter.in_flight.all() == []
    assert await store.state(lease.task) is TaskState.ACTIVE


async def test_settler_puts_away_what_cannot_be_read(store: TestStore, counter: Counter) -> None:
    task = make_task()
    await store.enqueue(task)
    await store.damage(task)
    counter.settler.archive_unreadable((await counter.worker.lease_call()).unreadable)
    await counter.until_idle()
    (stats,) = await store.queues.stats(["default"])
    assert stats.counts[TaskState.ARCHIVED] == 1
