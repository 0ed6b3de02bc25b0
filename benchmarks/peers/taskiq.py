"""taskiq with Redis streams, acknowledged when executed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from redis.asyncio import Redis
from taskiq import TaskiqScheduler
from taskiq_redis import ListRedisScheduleSource, RedisStreamBroker

from benchmarks.peers import workload
from benchmarks.peers.client import Client

broker = RedisStreamBroker(
    workload.URL,
    consumer_id="0",
    idle_timeout=workload.LEASE_S * 1000,
    unacknowledged_lock_timeout=1,
    max_connection_pool_size=workload.SLOTS + 10,
)
_schedules = ListRedisScheduleSource(workload.URL)
scheduler = TaskiqScheduler(broker, [_schedules])


@broker.task
async def noop(number: str) -> None:
    workload.noop(number)


@broker.task
async def stamp(number: str) -> None:
    workload.stamp(number)


@broker.task
async def nap(number: str) -> None:
    await workload.nap(number)


@broker.task
async def hold(number: str) -> None:
    await workload.hold(number)


_TASKS: dict[str, Any] = {"noop": noop, "stamp": stamp, "nap": nap, "hold": hold}


class TaskiqClient(Client):
    async def open(self) -> None:
        await _schedules.startup()
        self._redis = Redis.from_url(workload.URL)

    async def prepare(self) -> None:
        # Declares the consumer group.
        await broker.startup()

    async def enqueue(self, kind: str, number: str) -> None:
        await _TASKS[kind].kiq(number)

    async def schedule(self, kind: str, number: str, due_s: float) -> None:
        await _TASKS[kind].schedule_by_time(_schedules, datetime.fromtimestamp(due_s, UTC), number)

    async def unfinished(self) -> int:
        (group,) = await self._redis.xinfo_groups("taskiq")
        return int(group["pending"]) + int(group["lag"] or 0)


CLIENT = TaskiqClient()
