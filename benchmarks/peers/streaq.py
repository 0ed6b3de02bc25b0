"""streaQ: Redis streams, scripts as a function library."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any

from streaq import Worker

from benchmarks.peers import workload
from benchmarks.peers.client import Client

worker: Any = Worker(
    redis_url=workload.URL,
    concurrency=workload.SLOTS,
    idle_timeout=workload.LEASE_S,
    anyio_kwargs={"use_uvloop": True},
)


@worker.task(ttl=0, silent=True)
async def noop(number: str) -> None:
    workload.noop(number)


@worker.task(ttl=0, silent=True)
async def stamp(number: str) -> None:
    workload.stamp(number)


@worker.task(ttl=0, silent=True)
async def nap(number: str) -> None:
    await workload.nap(number)


@worker.task(ttl=0, silent=True)
async def hold(number: str) -> None:
    await workload.hold(number)


_TASKS: dict[str, Any] = {"noop": noop, "stamp": stamp, "nap": nap, "hold": hold}


class StreaqClient(Client):
    async def open(self) -> None:
        # Open until the driver process exits.
        self._stack = AsyncExitStack()
        await self._stack.enter_async_context(worker)

    async def enqueue(self, kind: str, number: str) -> None:
        await _TASKS[kind].enqueue(number)

    async def enqueue_batch(self, kind: str, numbers: Sequence[str]) -> None:
        await worker.enqueue_many([_TASKS[kind].enqueue(number) for number in numbers])

    async def schedule(self, kind: str, number: str, due_s: float) -> None:
        await _TASKS[kind].enqueue(number).start(schedule=datetime.fromtimestamp(due_s, UTC))

    async def unfinished(self) -> int:
        return int(await worker.queue_size())


CLIENT = StreaqClient()
