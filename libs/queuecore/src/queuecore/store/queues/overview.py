"""Overview of the whole store for metrics and readiness, read in one round trip."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from queuecore.errors import StoreError
from queuecore.store.client.server import BatchReply, Server
from queuecore.store.queues.directory import WorkerStatus, read_workers
from queuecore.store.queues.reader import QueueStats, read_stats, stats_call
from queuecore.store.queues.readiness import Readiness, judge_infos
from queuecore.store.result import Result, partition
from queuecore.store.scripts.keys import QUEUES, WORKER, WORKERS
from queuecore.store.scripts.replies import names


class ServerStatus(msgspec.Struct, frozen=True):
    """The status of the server, or of all nodes of a Cluster together."""

    memory_bytes: int
    """Memory used; on a Cluster by the fullest node, because a full node refuses tasks."""
    memory_limit_bytes: int
    """The memory limit of that node; 0: no limit."""
    clients: int
    commands: int
    """Commands run so far."""
    evicted_keys: int
    """Keys evicted so far."""


class Overview(msgspec.Struct, frozen=True):
    """The store at one moment."""

    queues: list[QueueStats]
    """The queues that could be read."""
    workers: list[WorkerStatus]
    """The workers whose registration is valid."""
    server: ServerStatus | None
    """``None`` where the server refuses INFO."""
    readiness: Result[Readiness]


class OverviewReader:
    """Reads overviews.

    One round trip reads the lists of queues and workers together with every queue and worker of the previous lists. New
    ones cost one more round trip, once.

    Args:
        server: the store.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._queues: list[str] = []
        self._workers: list[str] = []

    async def read(self) -> Overview:
        """Read everything. The cost depends on the number of queues and workers, not on the number of tasks.

        Raises:
            StoreUnavailable: the store did not answer.
        """
        queues, workers = self._queues, self._workers
        lists = (("SMEMBERS", QUEUES), ("ZRANGE", WORKERS, 0, -1))
        replies = await self._read(queues, workers, lists)
        queue_names, worker_names = replies.commands[: len(lists)]
        stats = dict(zip(queues, replies.scripts, strict=True))
        statuses = dict(zip(workers, replies.commands[len(lists) :], strict=True))
        self._queues = sorted(names(queue_names))
        self._workers = names(worker_names)
        new_queues = [name for name in self._queues if name not in stats]
        new_workers = [name for name in self._workers if name not in statuses]
        if new_queues or new_workers:
            more = await self._read(new_queues, new_workers, ())
            stats |= zip(new_queues, more.scripts, strict=True)
            statuses |= zip(new_workers, more.commands, strict=True)
        readable, unreadable = partition(self._queues, [stats[name] for name in self._queues])
        return Overview(
            queues=[read_stats(name, reply) for name, reply in readable],
            workers=read_workers(statuses[name] for name in self._workers),
            server=_read_server(replies.infos),
            readiness=unreadable[0][1] if unreadable else _judge(replies.infos),
        )

    async def _read(
        self, queues: Sequence[str], workers: Sequence[str], lists: Sequence[tuple[Any, ...]]
    ) -> BatchReply:
        registrations = [("GET", WORKER + name) for name in workers]
        return await self._server.run_with_infos([stats_call(name) for name in queues], [*lists, *registrations])


def _judge(infos: Result[list[dict[str, Any]]]) -> Result[Readiness]:
    try:
        return judge_infos(infos)
    except StoreError as error:
        return error


def _read_server(infos: Result[list[dict[str, Any]]]) -> ServerStatus | None:
    if isinstance(infos, StoreError):
        return None
    fullest = max(infos, key=_fill)
    return ServerStatus(
        memory_bytes=int(fullest["used_memory"]),
        memory_limit_bytes=int(fullest.get("maxmemory", 0)),
        clients=sum(int(info["connected_clients"]) for info in infos),
        commands=sum(int(info["total_commands_processed"]) for info in infos),
        evicted_keys=sum(int(info["evicted_keys"]) for info in infos),
    )


def _fill(info: Mapping[str, Any]) -> tuple[float, int]:
    """The used part of the memory limit, then the memory used."""
    used, limit = int(info["used_memory"]), int(info.get("maxmemory", 0))
    return (used / limit if limit else 0.0, used)
