"""SAQ: job ids in lists."""

from __future__ import annotations

import asyncio
from typing import Any

import uvloop
from saq import Queue

from benchmarks.peers import workload
from benchmarks.peers.client import Client

asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
_queue = Queue.from_url(workload.URL)
# Results are not kept; a job without a heartbeat for the time of a lease is swept.
_OPTIONS: dict[str, Any] = {"ttl": -1, "retries": 3, "heartbeat": workload.LEASE_S, "timeout": 60}


async def noop(_: dict[str, Any], *, number: str) -> None:
    workload.noop(number)


async def stamp(_: dict[str, Any], *, number: str) -> None:
    workload.stamp(number)


async def nap(_: dict[str, Any], *, number: str) -> None:
    await workload.nap(number)


async def hold(_: dict[str, Any], *, number: str) -> None:
    await workload.hold(number)


settings = {
    "queue": _queue,
    "functions": [noop, stamp, nap, hold],
    "concurrency": workload.SLOTS,
    "timers": {"sweep": 5},
}


class SaqClient(Client):
    async def open(self) -> None:
        await _queue.connect()

    async def enqueue(self, kind: str, number: str) -> None:
        await _queue.enqueue(kind, number=number, **_OPTIONS)

    async def schedule(self, kind: str, number: str, due_s: float) -> None:
        await _queue.enqueue(kind, number=number, scheduled=due_s, **_OPTIONS)

    async def unfinished(self) -> int:
        return int(await _queue.count("incomplete"))


CLIENT = SaqClient()
