"""Tasks that do nothing: what one worker process gets through."""

from __future__ import annotations

import asyncio
import statistics
import time

import uvloop

from benchmarks.servers import valkey, worker
from queuecore.testing.builders import make_task
from queuecore.testing.store import TestStore

TASKS = 60_000
ROUNDS = 3
COMPLETED = "taskyard:{default}:completed"


async def measure() -> None:
    """Run all rounds and print the figures."""
    rates = [await _round() for _ in range(ROUNDS)]
    print("| no-op tasks, one worker process, default settings | per second |")
    print("|---|---|")
    print(f"| median of {ROUNDS} rounds of {TASKS:,} | {statistics.median(rates):,.0f} |")
    print(f"| lowest, highest | {min(rates):,.0f}, {max(rates):,.0f} |")


async def _round() -> float:
    with valkey() as server:
        store = TestStore(server.url)
        for _ in range(TASKS // 1000):
            await store.enqueue(*(make_task(type="noop", payload=b"{}") for _ in range(1000)))
        with worker(server.url):
            # The start of Python is not what is measured.
            first = await _until(store, 1)
            began = time.perf_counter()
            await _until(store, TASKS)
            took_s = time.perf_counter() - began
        (stats,) = await store.reader.stats(["default"])
        if stats.totals.processed != {("completed", "noop"): TASKS}:
            raise AssertionError(f"not every task was run exactly once: {stats.totals.processed}")
        await store.close()
    return (TASKS - first) / took_s


async def _until(store: TestStore, number: int) -> int:
    while (done := int(await store.server.command("ZCARD", COMPLETED))) < number:  # noqa: ASYNC110 - it happens in another process
        await asyncio.sleep(0.01)
    return done


if __name__ == "__main__":
    uvloop.run(measure())
