"""One study per dimension; each returns its curves."""

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
from benchmarks.growth.operations import ServerTime, measure_operations
from benchmarks.growth.sizes import Sizes
from benchmarks.growth.system_under_test import TIMEOUT_S, SystemUnderTest, drain_rate, numbered
from benchmarks.harness.execution_log import ExecutionLog
from benchmarks.harness.testbed import check_each_ran_once, wait_until
from queuecore.domain.task import Task
from queuecore.embedded import EmbeddedValkey
from queuecore.store.attempts.leases import Lease
from queuecore.store.attempts.settlement import Failure, Success
from queuecore.testing.builders import now_ms
from queuecore.testing.store import TestStore

Study = Callable[[Sizes], Awaitable[list[Curve]]]

_LEASED_AT_ONCE = 1_000
_FILLER = 65
"""Extends the payload of a task to 100 bytes."""
_LEAD_MS = 3_000
_LEAD_PER_TASK_MS = 0.4
"""Time to schedule one task, with a margin for a busy machine."""


@asynccontextmanager
async def single_server() -> AsyncIterator[SystemUnderTest]:
    """An empty server without persistence."""
    with TemporaryDirectory(prefix="bench-") as name, EmbeddedValkey(Path(name) / "valkey") as server:
        async with SystemUnderTest(server.url, Path(name)) as system:
            yield system


async def pending(sizes: Sizes) -> list[Curve]:
    """Backlog: operations, processing, memory."""
    operations = Curve("pending", "Server time per operation over pending tasks", "Pending", "us", 1)
    processing = Curve(
        "pending-processing", "Throughput of one worker process over pending tasks", "Pending", "tasks/s"
    )
    memory = Curve("pending-memory", "Memory over pending tasks, payload of 100 bytes", "Pending", "bytes")
    for size in sizes.pending:
        async with single_server() as system:
            # The first task loads scripts and creates the keys that a queue has once.
            await system.fill(1, numbered)
            empty = await _used_memory(system)
            ids = await system.fill(size, partial(numbered, filler=_FILLER))
            memory.add(size, {"per task": (await _used_memory(system) - empty) / size})
            operations.add(size, await measure_operations(system.store, ids, min(sizes.operations, size // 10)))
            processing.add(size, {"no-op tasks": await _processing_rate(size, sizes.processed)})
    return [operations, processing, memory]


async def _processing_rate(backlog: int, most: int) -> float:
    """Tasks per second while at most ``most`` tasks of the backlog are processed."""
    async with single_server() as system:
        executions = system.record_executions(backlog)
        await system.fill(backlog, numbered)
        worker = await system.worker()
        rate = await drain_rate(executions, [worker], min(backlog, most))
        await worker.kill()
        ended = executions.count_ended()
        left = await _count(system, "pending", "active")
        if ended + left < backlog or executions.count_ended(1) != ended:
            raise AssertionError(f"of {backlog} tasks {ended} ended and {left} are left")
        return rate


async def scheduled(sizes: Sizes) -> list[Curve]:
    """Tasks due at the same instant."""
    lateness = Curve("scheduled", "Start lateness of tasks due at the same instant", "Due tasks", "ms late")
    for size in sizes.scheduled:
        async with single_server() as system:
            executions = system.record_executions(size)
            await system.scheduler()
            worker = await system.worker()
            due_ms = now_ms() + _LEAD_MS + round(size * _LEAD_PER_TASK_MS)
            due_ns = time.monotonic_ns() + (due_ms - round(time.time() * 1000)) * 1_000_000
            await system.fill(size, partial(numbered, kind="stamp", process_at_ms=due_ms))
            if now_ms() >= due_ms:
                raise AssertionError(f"{size} tasks could not be scheduled before they were due")
            await wait_until(partial(_all_ended, executions), TIMEOUT_S, [worker], "all ran")
            check_each_ran_once(executions, size)
            late = sorted((at - due_ns) / 1e6 for at in executions.begun_ns)
            lateness.add(size, {"first": late[0], "median": statistics.median(late), "last": late[-1]})
    return [lateness]


def _all_ended(executions: ExecutionLog) -> bool:
    return executions.count_ended() == executions.size


async def active(sizes: Sizes) -> list[Curve]:
    """Running tasks."""
    costs = Curve("active", "Server time per task over running tasks", "Active", "us", 1)
    for size in sizes.active:
        async with single_server() as system:
            costs.add(size, await _costs_of_running(system, size))
    return [costs]


async def _costs_of_running(system: SystemUnderTest, size: int) -> dict[str, float]:
    await system.fill(size, numbered)
    worker, clock = system.store.worker(), ServerTime(system.store)
    leases: list[Lease] = []
    while leased := await worker.lease(_LEASED_AT_ONCE):
        leases += leased
    if len(leases) != size:
        raise AssertionError(f"{len(leases)} of {size} tasks were leased")
    some = [Success(lease, 1) for lease in leases[:: max(1, size // 100)][:100]]
    return {
        "renew": await clock.least_of(lambda: worker.leases.renew(leases), size),
        "complete, 100 at once": await clock.of(lambda: worker.settlements.complete(some), len(some)),
        "find lapsed leases": await clock.least_of(
            lambda: system.store.maintenance.find_expired_leases(["default"]), 1
        ),
    }


def _round_robin(queues: Sequence[str], number: int) -> Task:
    """A numbered task in one of the queues, round robin."""
    return numbered(number, queue=queues[number % len(queues)])


async def queues(sizes: Sizes) -> list[Curve]:
    """Queues on one server, all served by one worker."""
    processing = Curve("queues-processing", "Throughput of one worker process over queues", "Queues", "tasks/s")
    idle = Curve("queues-idle", "Store commands of an idle worker over queues", "Queues", "per s", 2)
    scrape = Curve("queues-scrape", "Time to count the tasks of all queues", "Queues", "ms", 2)
    for size in sizes.queues:
        names = [f"queue-{number}" for number in range(size)]
        async with single_server() as system:
            executions = system.record_executions(sizes.processed)
            await system.fill(sizes.processed, partial(_round_robin, names))
            began = time.perf_counter()
            await system.store.queues.stats(names)
            scrape.add(size, {"all queues": (time.perf_counter() - began) * 1000})
            worker = await system.worker(names)
            processing.add(size, {"no-op tasks": await drain_rate(executions, [worker], sizes.processed)})
            check_each_ran_once(executions, sizes.processed)
            await asyncio.sleep(sizes.settle_s)
            idle.add(size, {"store commands": await _commands_per_s(system, sizes.idle_s)})
    return [processing, idle, scrape]


async def workers(sizes: Sizes) -> list[Curve]:
    """Idle workers on one server: simulated by connections that block on wake-up lists and lease when woken."""
    pick_up = Curve("workers", "Idle pick-up over simulated workers", "Workers", "ms", 2)
    idle = Curve("workers-idle", "Store commands of idle workers", "Workers", "per s", 1)
    for size in sizes.workers:
        async with single_server() as system:
            begun: asyncio.Queue[int] = asyncio.Queue()
            stores = [TestStore(system.url) for _ in range(size)]
            sleepers = [
                asyncio.create_task(_sleep_and_lease(store, f"worker-{number}", begun))
                for number, store in enumerate(stores)
            ]
            await asyncio.sleep(1)
            idle.add(size, {"all workers": await _commands_per_s(system, sizes.idle_s)})
            delays = []
            for number in range(sizes.pick_ups):
                called_ns = time.monotonic_ns()
                await system.store.enqueue(numbered(number))
                delays.append((await begun.get() - called_ns) / 1e6)
                await asyncio.sleep(0.01)
            cuts = statistics.quantiles(delays, n=100, method="inclusive")
            pick_up.add(size, {"median": cuts[49], "p99": cuts[98]})
            if left := await _count(system, "pending", "active"):
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
    """Archived tasks next to pending ones."""
    costs = Curve("archived", "Server time per operation over archived tasks", "Archived", "us", 1)
    for size in sizes.archived:
        async with single_server() as system:
            await system.fill(size, numbered)
            worker = system.store.worker()
            while leases := await worker.lease(_LEASED_AT_ONCE):
                await worker.settlements.fail([Failure(lease, 1, "an error as handlers raise it") for lease in leases])
            if (found := await _count(system, "archived")) != size:
                raise AssertionError(f"{found} of {size} tasks are archived")
            ids = await system.fill(10 * sizes.operations, numbered)
            costs.add(size, await measure_operations(system.store, ids, sizes.operations))
    return [costs]


async def payloads(sizes: Sizes) -> list[Curve]:
    """Size of payloads."""
    rates = Curve("payloads", "Throughput over payload size", "Payload, bytes", "tasks/s")
    memory = Curve("payloads-memory", "Memory over payload size", "Payload, bytes", "bytes")
    for size in sizes.payload_bytes:
        count = min(sizes.processed, sizes.payload_total_bytes // size)
        async with single_server() as system:
            executions = system.record_executions(count)
            empty = await _used_memory(system)
            began = time.perf_counter()
            await system.fill(count, partial(numbered, filler=size), size)
            enqueued = count / (time.perf_counter() - began)
            memory.add(size, {"per task": (await _used_memory(system) - empty) / count})
            worker = await system.worker()
            processed = await drain_rate(executions, [worker], count)
            check_each_ran_once(executions, count)
            rates.add(size, {"enqueue in batches": enqueued, "processing, one process": processed})
    return [rates, memory]


async def _count(system: SystemUnderTest, *states: str) -> int:
    """Count the tasks of the queue ``default`` in some states."""
    commands = [("ZCARD", f"taskyard:{{default}}:{state}") for state in states]
    return sum(await system.store.server.commands(commands))


async def _used_memory(system: SystemUnderTest) -> int:
    """Used memory without the buffers of connections, which grow with the size of batches."""
    info = await system.store.server.client.info("memory")
    return int(info["used_memory"]) - int(info["mem_clients_normal"])


async def _commands_per_s(system: SystemUnderTest, seconds: float) -> float:
    async def done() -> int:
        return int((await system.store.server.client.info("stats"))["total_commands_processed"])

    before = await done()
    await asyncio.sleep(seconds)
    return (await done() - before - 1) / seconds
