"""Directory of live workers, registered task types and known queues."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

import msgspec

from queuecore.store.client.server import Server
from queuecore.store.scripts.keys import QUEUES, TYPES, WORKER, WORKERS
from queuecore.store.scripts.replies import names


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

    async def beat(self, status: WorkerStatus, ttl_ms: int) -> None:
        """Heartbeat: renew the registration of a worker, which expires after ``ttl_ms``."""
        now_ms = round(time.time() * 1000)
        await self._server.commands(
            [
                ("SET", WORKER + status.worker, msgspec.json.encode(status), "PX", ttl_ms),
                ("ZADD", WORKERS, now_ms + ttl_ms, status.worker),
                ("ZREMRANGEBYSCORE", WORKERS, "-inf", now_ms),
            ]
        )

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
