"""One study per dimension; each returns what it found."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.growth.curve import Curve
from benchmarks.growth.ground import PATIENCE_S, Ground, drain_rate, numbered
from benchmarks.growth.operations import ServerTime, measure_operations
from benchmarks.growth.sizes import Sizes
from benchmarks.ledger import Ledger
from benchmarks.stage import check_each_ran_once, wait_until
from queuecore.domain.task import Task
from queuecore.embedded import EmbeddedValkey
from queuecore.store.attempts.leases import Lease
from queuecore.store.attempts.settlement import Failure, Success
from queuecore.testing.builders import now_ms
from queuecore.testing.store import TestStore

Study = Callable[[Sizes], Awaitable[list[Curve]]]

_LEASED_AT_ONCE = 1_000
_FILLER = 65
"""Makes the payload of a task 100 bytes long."""
_LEAD_MS = 3_000
_LEAD_PER_TASK_MS = 0.4
"""Enough to schedule one, on a busy machine, too."""


@asynccontextmanager
async def single_server() -> AsyncIterator[Ground]:
    """An empty server without persistence."""
    with TemporaryDirectory(prefix="bench-") as name, EmbeddedValkey(Path(name) / "valkey") as server:
        async with Ground(server.url, Path(name)) as ground:
            yield ground


async def pending(sizes: Sizes) -> list[Curve]:
    """A backlog: the operations, the processing, the memory."""
    operations = Curve("pending", "Server time per operation over pending tasks", "Pending", "us", 1)
    processing = Curve("pending-processing", "One worker process over pending tasks", "Pending", "tasks/s")
    memory = Curve("pending-memory", "Memory over pending tasks, payload of 100 bytes", "Pending", "bytes")
    for size in sizes.pending:
        async with single_server() as ground:
            # The first loads scripts and makes what a queue has once.
            await ground.fill(1, numbered)
            empty = await _used_memory(ground)
            ids = await ground.fill(size, partial(numbered, filler=_FILLER))
            memory.add(size, {"per task": (await _used_memory(ground) - empty) / size})
            operations.add(size, await measure_operations(ground.store, ids, min(sizes.operations, size // 10)))
            processing.add(size, {"no-op tasks": await _processing_rate(size, sizes.processed)})
    return [operations, processing, memory]


async def _processing_rate(backlog: int, most: int) -> float:
    """While the backlog falls by as many tasks as are measured at all sizes, or to nothing."""
    async with single_server() as ground:
        ledger = ground.ledger(backlog)
        await ground.fill(backlog, numbered)
        worker = await ground.worker()
        rate = await drain_rate(ledger, [worker], min(backlog, most))
        await worker.kill()
        ended = ledger.count_ended()
        left = await _count(ground, "pending", "active")
        if ended + left < backlog or ledger.count_ended(1) != ended:
            raise AssertionError(f"of {backlog} tasks {ended} ended and {left} are left")
        return rate


async def scheduled(sizes: Sizes) -> list[Curve]:
    """Many tasks due at the same instant."""
    lateness = Curve("scheduled", "Tasks due at one instant: when they began", "Due at one instant", "ms late")
    for size in sizes.scheduled:
        async with single_server() as ground:
            ledger = ground.ledger(size)
            await ground.scheduler()
            worker = await ground.worker()
            due_ms = now_ms() + _LEAD_MS + round(size * _LEAD_PER_TASK_MS)
            due_ns = time.monotonic_ns() + (due_ms - round(time.time() * 1000)) * 1_000_000
            await ground.fill(size, partial(numbered, kind="stamp", process_at_ms=due_ms))
            if now_ms() >= due_ms:
                raise AssertionError(f"{size} tasks could not be scheduled before they were due")
            await wait_until(partial(_all_ended, ledger), PATIENCE_S, [worker], "all ran")
            check_each_ran_once(ledger, size)
            late = sorted((at - due_ns) / 1e6 for at in ledger.begun_ns)
            lateness.add(size, {"first": late[0], "median": statistics.median(late), "last": late[-1]})
    return [lateness]


def _all_ended(ledger: Ledger) -> bool:
    return ledger.count_ended() == ledger.size


async def active(sizes: Sizes) -> list[Curve]:
    """Many tasks running at once."""
    costs = Curve("active", "Server time per task over running tasks", "Active", "us", 1)
    for size in sizes.active:
        async with single_server() as ground:
            costs.add(size, await _costs_of_running(ground, size))
    return [costs]


async def _costs_of_running(ground: Ground, size: int) -> dict[str, float]:
    await ground.fill(size, numbered)
    worker, clock = ground.store.worker(), ServerTime(ground.store)
    leases: list[Lease] = []
    while leased := await worker.lease(_LEASED_AT_ONCE):
        leases += leased
    if len(leases) != size:
        raise AssertionError(f"{len(leases)} of {size} tasks were leased")
    some = [Success(lease, 1) for lease in leases[:: max(1, size // 100)][:100]]
    return {
        "renew": await clock.least_of(lambda: worker.leases.renew(leases), size),
        "complete, 100 at once": await clock.of(lambda: worker.settlements.complete(some), len(some)),
        "look for lapsed leases": await clock.least_of(
            lambda: ground.store.maintenance.find_expired_leases(["default"]), 1
        ),
    }


def _dealt(queues: Sequence[str], number: int) -> Task:
    """The queues in turn."""
    return numbered(number, queue=queues[number % len(queues)])


async def queues(sizes: Sizes) -> list[Curve]:
    """Many queues on one server, all served by one worker."""
    processing = Curve("queues-processing", "One worker process over queues", "Queues", "tasks/s")
    idle = Curve("queues-idle", "An idle worker over queues", "Queues", "per s", 2)
    scrape = Curve("queues-scrape", "Counting the tasks of all queues", "Queues", "ms", 2)
    for size in sizes.queues:
        names = [f"queue-{number}" for number in range(size)]
        async with single_server() as ground:
            ledger = ground.ledger(sizes.processed)
            await ground.fill(sizes.processed, partial(_dealt, names))
            began = time.perf_counter()
            await ground.store.queues.stats(names)
            scrape.add(size, {"all queues": (time.perf_counter() - began) * 1000})
            worker = await ground.worker(names)
            processing.add(size, {"no-op tasks": await drain_rate(ledger, [worker], sizes.processed)})
            check_each_ran_once(ledger, sizes.processed)
            await asyncio.sleep(sizes.settle_s)
            idle.add(size, {"store commands": await _commands_per_s(ground, sizes.idle_s)})
    return [processing, idle, scrape]


async def workers(sizes: Sizes) -> list[Curve]:
    """Many workers asleep on one server: connections that wait as workers do, each leasing what it is woken for."""
    pick_up = Curve("workers", "Idle pick-up over simulated workers", "Workers", "ms", 2)
    idle = Curve("workers-idle", "Store commands of idle workers", "Workers", "per s", 1)
    for size in sizes.workers:
        async with single_server() as ground:
            begun: asyncio.Queue[int] = asyncio.Queue()
            stores = [TestStore(ground.url) for _ in range(size)]
            sleepers = [
                asyncio.create_task(_sleep_and_lease(store, f"worker-{number}", begun))
                for number, store in enumerate(stores)
            ]
            await asyncio.sleep(1)
            idle.add(size, {"all workers": await _commands_per_s(ground, sizes.idle_s)})
            delays = []
            for number in range(sizes.pick_ups):
                called_ns = time.monotonic_ns()
                await ground.store.enqueue(numbered(number))
                delays.append((await begun.get() - called_ns) / 1e6)
                await asyncio.sleep(0.01)
            cuts = statistics.quantiles(delays, n=100, method="inclusive")
            pick_up.add(size, {"median": cuts[49], "p99": cuts[98]})
            if left := await _count(ground, "pending", "active"):
                raise AssertionError(f"{left} tasks are left")
            for sleeper in sleepers:
                sleeper.cancel()
            await asyncio.gather(*sleepers, return_exceptions=True)
            for store in stores:
                await store.close()
    return [pick_up, idle]


async def _sleep_and_lease(store: TestStore, name: str, begun: asyncio.Queue[int]) -> None:
    worker = store.worker(name)
    while True:
        if leases := await worker.lease(1):
            begun.put_nowait(time.monotonic_ns())
            await worker.settlements.complete([Success(lease, 1) for lease in leases])
        else:
            await store.notifications.sleep_until_pending(["default"], 5)


async def archived(sizes: Sizes) -> list[Curve]:
    """A large archive beside the work."""
    costs = Curve("archived", "Server time per operation over archived tasks", "Archived", "us", 1)
    for size in sizes.archived:
        async with single_server() as ground:
            await ground.fill(size, numbered)
            worker = ground.store.worker()
            while leases := await worker.lease(_LEASED_AT_ONCE):
                await worker.settlements.fail([Failure(lease, 1, "an error as handlers raise it") for lease in leases])
            if (found := await _count(ground, "archived")) != size:
                raise AssertionError(f"{found} of {size} tasks are archived")
            ids = await ground.fill(10 * sizes.operations, numbered)
            costs.add(size, await measure_operations(ground.store, ids, sizes.operations))
    return [costs]


async def payloads(sizes: Sizes) -> list[Curve]:
    """Small and large payloads."""
    rates = Curve("payloads", "Tasks over the size of their payload", "Payload, bytes", "tasks/s")
    memory = Curve("payloads-memory", "Memory over the size of the payload", "Payload, bytes", "bytes")
    for size in sizes.payload_bytes:
        count = min(sizes.processed, sizes.payload_total_bytes // size)
        async with single_server() as ground:
            ledger = ground.ledger(count)
            empty = await _used_memory(ground)
            began = time.perf_counter()
            await ground.fill(count, partial(numbered, filler=size), size)
            enqueued = count / (time.perf_counter() - began)
            memory.add(size, {"per task": (await _used_memory(ground) - empty) / count})
            worker = await ground.worker()
            processed = await drain_rate(ledger, [worker], count)
            check_each_ran_once(ledger, count)
            rates.add(size, {"enqueue in batches": enqueued, "processing, one process": processed})
    return [rates, memory]


async def _count(ground: Ground, *states: str) -> int:
    """Tasks of the queue ``default`` in some states."""
    commands = [("ZCARD", f"taskyard:{{default}}:{state}") for state in states]
    return sum(await ground.store.server.commands(commands))


async def _used_memory(ground: Ground) -> int:
    """Without the buffers of connections, which grow with the batches that are sent."""
    info = await ground.store.server.client.info("memory")
    return int(info["used_memory"]) - int(info["mem_clients_normal"])


async def _commands_per_s(ground: Ground, seconds: float) -> float:
    async def done() -> int:
        return int((await ground.store.server.client.info("stats"))["total_commands_processed"])

    before = await done()
    await asyncio.sleep(seconds)
    return (await done() - before - 1) / seconds
