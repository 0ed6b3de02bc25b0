"""arq: jobs in a sorted set, polled."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import uvloop
from arq import create_pool
from arq.connections import RedisSettings

from benchmarks.peers import workload
from benchmarks.peers.client import Client

asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
_SETTINGS = RedisSettings.from_dsn(workload.URL)


async def noop(_: dict[str, Any], number: str) -> None:
    workload.noop(number)


async def stamp(_: dict[str, Any], number: str) -> None:
    workload.stamp(number)


async def nap(_: dict[str, Any], number: str) -> None:
    await workload.nap(number)


async def hold(_: dict[str, Any], number: str) -> None:
    await workload.hold(number)


class WorkerSettings:
    functions = (noop, stamp, nap, hold)
    redis_settings = _SETTINGS
    max_jobs = workload.SLOTS
    poll_delay = 0.01
    keep_result = 0
    # arq retries the job of a lost worker 10 s after this limit.
    job_timeout = max(workload.LEASE_S - 10, 2)


class ArqClient(Client):
    async def open(self) -> None:
        self._pool = await create_pool(_SETTINGS)

    async def enqueue(self, kind: str, number: str) -> None:
        await self._pool.enqueue_job(kind, number)

    async def schedule(self, kind: str, number: str, due_s: float) -> None:
        await self._pool.enqueue_job(kind, number, _defer_until=datetime.fromtimestamp(due_s, UTC))

    async def unfinished(self) -> int:
        return int(await self._pool.zcard("arq:queue"))


CLIENT = ArqClient()
