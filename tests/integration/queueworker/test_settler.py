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
from queuecore.store.result import Result
from queuecore.store.scripts.replies import Reply
from queuecore.testing.builders import make_task
from queuecore.testing.store import TestStore
from queuecore.testing.waiting import eventually
from queueworker.handlers.context import WorkerContext
from queueworker.metrics import WorkerMetrics
from queueworker.roles.settler import MAX_RESULT_BYTES, Settler
from queueworker.runs.in_flight import InFlightRuns
from queueworker.runs.run import Run
from taskyard.handler import make_handler

MAX_UNSETTLED = 3


@pytest.fixture
def valkey(lasting_valkey: EmbeddedValkey) -> Iterator[EmbeddedValkey]:
    """A server that the test may kill."""
    with lasting_valkey:
        yield lasting_valkey


class Bench:
    """The settler of one worker, running."""

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
        handler = make_handler(lease.task.type, _handle)
        run = Run(lease, handler, WorkerContext(lease.task, lease.attempt, 0, lambda _: None, 1, handler.lifespan))
        self.in_flight.add(run)
        return run

    def succeed(self, lease: Lease, result: bytes = b"1") -> None:
        self.settler.succeed(self.hold(lease), Success(lease, 1, result))

    def fail(self, lease: Lease) -> None:
        self.settler.fail(self.hold(lease), Failure(lease, 1, "no", retry_in_ms=60_000))

    def count(self, metric: str) -> float:
        return self.registry.get_sample_value(f"taskyard_worker_{metric}_total") or 0.0

    async def until_idle(self) -> None:
        await asyncio.wait_for(self.settler.wait_until_idle(), 15)


@pytest.fixture
async def bench(store: TestStore) -> AsyncIterator[Bench]:
    made = Bench(store)
    running = asyncio.create_task(made.settler.run())
    yield made
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running


async def leases(store: TestStore, bench: Bench, tasks: int) -> list[Lease]:
    await store.enqueue(*(make_task() for _ in range(tasks)))
    leased = await bench.worker.lease(limit=tasks)
    assert len(leased) == tasks
    return leased


async def test_settler_delivers_outcomes_and_drops_their_runs(store: TestStore, bench: Bench) -> None:
    good, bad = await leases(store, bench, 2)
    bench.succeed(good)
    bench.fail(bad)
    await bench.until_idle()
    assert await store.state(good.task) is TaskState.COMPLETED
    assert await store.state(bad.task) is TaskState.RETRY
    assert bench.in_flight.all() == []


async def test_settler_sends_one_call_when_outcomes_arrive_together(store: TestStore, bench: Bench) -> None:
    done = await leases(store, bench, 50)
    before = (await store.server.client.info("commandstats"))["cmdstat_evalsha"]["calls"]
    for lease in done:
        bench.succeed(lease)
    await bench.until_idle()
    assert (await store.server.client.info("commandstats"))["cmdstat_evalsha"]["calls"] - before <= 1


async def test_settler_sends_large_results_in_portions(
    store: TestStore, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = await leases(store, bench, 6)
    sent: list[int] = []
    complete = bench.worker.settlements.complete

    async def record(successes: list[Success]) -> list[Result[Reply]]:
        sent.append(len(successes))
        return await complete(successes)

    monkeypatch.setattr(bench.worker.settlements, "complete", record)
    for lease in done:
        bench.succeed(lease, b"1" * (MAX_RESULT_BYTES // 2))
    await bench.until_idle()
    assert sent == [2, 2, 2]
    assert bench.in_flight.all() == []


async def test_settler_retries_outcomes_when_the_store_is_unreachable(
    store: TestStore, bench: Bench, valkey: EmbeddedValkey
) -> None:
    good, bad, late = await leases(store, bench, 3)
    valkey.kill()
    bench.succeed(good)
    bench.fail(bad)
    await eventually(lambda: bench.count("settle_retries") >= 2)
    bench.succeed(late)
    assert len(bench.in_flight) == 3
    valkey.start()
    await bench.until_idle()
    states = [await store.state(lease.task) for lease in (good, bad, late)]
    assert states == [TaskState.COMPLETED, TaskState.RETRY, TaskState.COMPLETED]
    assert bench.in_flight.all() == []


async def test_settler_has_no_room_while_too_many_outcomes_wait(
    store: TestStore, bench: Bench, valkey: EmbeddedValkey
) -> None:
    done = await leases(store, bench, MAX_UNSETTLED)
    valkey.kill()
    for lease in done[1:]:
        bench.succeed(lease)
    assert bench.settler.backpressure() is None
    bench.succeed(done[0])
    full = bench.settler.backpressure()
    assert full is not None
    await eventually(lambda: bench.count("settle_retries") >= 1)
    assert not full.done()
    valkey.start()
    await asyncio.wait_for(full, 15)
    await bench.until_idle()
    assert bench.settler.backpressure() is None


async def test_settler_drops_and_counts_an_outcome_when_it_is_stale(store: TestStore, bench: Bench) -> None:
    (lease,) = await leases(store, bench, 1)
    await bench.worker.leases.release([lease])
    await store.worker("another").lease()
    bench.succeed(lease)
    await bench.until_idle()
    assert bench.count("stale_settles") == 1
    assert bench.in_flight.all() == []
    assert await store.state(lease.task) is TaskState.ACTIVE


async def test_settler_archives_tasks_when_they_are_unreadable(store: TestStore, bench: Bench) -> None:
    task = make_task()
    await store.enqueue(task)
    await store.damage(task)
    bench.settler.archive_unreadable((await bench.worker.lease_call()).unreadable)
    await bench.until_idle()
    (stats,) = await store.queues.stats(["default"])
    assert stats.counts[TaskState.ARCHIVED] == 1


async def _handle(_: dict[str, object]) -> None: ...
