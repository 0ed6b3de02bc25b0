"""Directory of live workers, registered task types and known queues."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

import msgspec

from queuecore.store.client.server import Server
from queuecore.store.scripts.keys import QUEUES, TYPES, WORKER, WORKERS
from queuecore.store.scripts.replies import names

_REGISTER_WORKER = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
redis.call('ZADD', KEYS[1], now + tonumber(ARGV[2]), ARGV[1])
"""
"""Removes expired workers from the list and renews one, by the server's clock: clocks of workers differ."""


class WorkerStatus(msgspec.Struct, frozen=True):
    """The status that a worker reports with each heartbeat."""

    worker: str
    pod: str
    queues: list[str]
    types: list[str]
    slots: int
    """Tasks that it can run at once."""
    busy: int
    """Tasks in flight."""
    started_at_ms: int
    draining: bool = False


class Directory:
    """Registers and lists task types, queues and workers."""

    def __init__(self, server: Server) -> None:
        self._server = server

    async def register_types(self, schemas: Mapping[str, bytes]) -> None:
        """Register task types. They stay registered after their workers have gone.

        Args:
            schemas: task type -> JSON Schema of its payload as JSON, ``b"null"`` for none.
        """
        if schemas:
            await self._server.command("HSET", TYPES, *(part for item in schemas.items() for part in item))

    async def types(self) -> dict[str, bytes]:
        """All registered task types with their schemas, as in :meth:`register_types`."""
        stored = await self._server.command("HGETALL", TYPES)
        return {name: stored[name.encode()] for name in names(stored)}

    async def register_queues(self, queues: Sequence[str]) -> None:
        """Register queues before they hold a task."""
        await self._server.command("SADD", QUEUES, *queues)

    async def beat(self, status: WorkerStatus, ttl_ms: int) -> list[str]:
        """Heartbeat: renew the registration of a worker, which expires after ``ttl_ms``, and of its queues.

        Returns:
            The worker's task types that are not registered: the store may have lost them.
        """
        *_, known = await self._server.commands(
            [
                ("SET", WORKER + status.worker, msgspec.json.encode(status), "PX", ttl_ms),
                ("EVAL", _REGISTER_WORKER, 1, WORKERS, status.worker, ttl_ms),
                *([("SADD", QUEUES, *status.queues)] if status.queues else []),
                ("HKEYS", TYPES),
            ]
        )
        registered = set(names(known))
        return [name for name in status.types if name not in registered]

    async def forget_worker(self, worker: str) -> None:
        """Remove the registration of a worker."""
        await self._server.commands([("DEL", WORKER + worker), ("ZREM", WORKERS, worker)])

    async def workers(self) -> list[WorkerStatus]:
        """The workers whose registration is valid."""
        workers = names(await self._server.command("ZRANGE", WORKERS, 0, -1))
        return read_workers(await self._server.commands([("GET", WORKER + name) for name in workers]))


def read_workers(stored: Iterable[bytes | None]) -> list[WorkerStatus]:
    """The workers of stored registrations, without those that have expired or cannot be read."""
    workers = []
    for each in stored:
        if each is not None:
            with suppress(msgspec.MsgspecError):
                workers.append(msgspec.json.decode(each, type=WorkerStatus))
    return workers
