"""How soon an idle worker begins: after an enqueue, and after the due time of a scheduled task."""

from __future__ import annotations

import asyncio
import json
import socket
import statistics
import time

import uvloop

from benchmarks.servers import scheduler, valkey, worker
from queuecore.testing.builders import make_task
from queuecore.testing.store import TestStore

TASKS = 300
AHEAD_MS = 150


class Starts:
    """Receives the moments at which handlers begin."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.setblocking(False)
        self.payload = json.dumps({"port": self._socket.getsockname()[1]}).encode()

    async def next_ns(self) -> int:
        """When the next handler began, monotonic ns."""
        async with asyncio.timeout(10):
            return int(await asyncio.get_running_loop().sock_recv(self._socket, 64))


async def measure() -> None:
    """Measure both and print the table."""
    starts = Starts()
    with valkey() as server, scheduler(server.url), worker(server.url):
        store = TestStore(server.url)
        await _enqueued(store, starts)
        rows = {
            "idle pick-up, enqueue call to handler start": [await _enqueued(store, starts) for _ in range(TASKS)],
            "scheduled task, due time to handler start": [await _scheduled(store, starts) for _ in range(TASKS)],
        }
        await store.close()
    print(f"| {TASKS} tasks, one after the other | p50 ms | p99 ms |")
    print("|---|---|---|")
    for name, delays in rows.items():
        quantiles = statistics.quantiles(delays, n=100)
        print(f"| {name} | {quantiles[49]:.2f} | {quantiles[98]:.2f} |")


async def _enqueued(store: TestStore, starts: Starts) -> float:
    began_ns = time.monotonic_ns()
    await store.enqueue(make_task(type="clock", payload=starts.payload))
    delay_ms = (await starts.next_ns() - began_ns) / 1e6
    await _until_idle(store)
    return delay_ms


async def _scheduled(store: TestStore, starts: Starts) -> float:
    now_ns, wall_ms = time.monotonic_ns(), time.time() * 1000
    due_ms = round(wall_ms) + AHEAD_MS
    await store.enqueue(make_task(type="clock", payload=starts.payload, process_at_ms=due_ms))
    due_ns = now_ns + (due_ms - wall_ms) * 1e6
    delay_ms = (await starts.next_ns() - due_ns) / 1e6
    await _until_idle(store)
    return delay_ms


async def _until_idle(store: TestStore) -> None:
    """Wait until the worker sleeps on its notification again."""
    while (await store.server.client.info("clients"))["blocked_clients"] == 0:  # noqa: ASYNC110 - it happens in another process
        await asyncio.sleep(0.001)


if __name__ == "__main__":
    uvloop.run(measure())
