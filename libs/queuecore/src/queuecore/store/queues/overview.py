"""Overview of the whole store for metrics and readiness, read in round trips of bounded size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from queuecore.errors import StoreError, StoreUnavailable
from queuecore.store.client.server import Server
from queuecore.store.queues.directory import WorkerStatus, read_workers
from queuecore.store.queues.reader import QueueStats, read_stats, stats_call
from queuecore.store.queues.readiness import Readiness, judge_infos
from queuecore.store.result import Result, partition
from queuecore.store.scripts.call import Argument, Call
from queuecore.store.scripts.keys import QUEUES, WORKER, WORKERS
from queuecore.store.scripts.replies import names

QUEUES_PER_CALL = 50
"""Queues, and also workers, that are read in one round trip. The server needs about 2 ms for them."""


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


class _Known(NamedTuple):
    """A queue when it was last read."""

    reply: list[Any]
    stats: QueueStats


class OverviewReader:
    """Reads overviews, in calls of bounded size.

    The first round trip reads the lists of queues and workers together with the first queues and workers of the
    previous lists. The others follow, :data:`QUEUES_PER_CALL` at a time, so that neither the server nor this process is
    busy with one overview for long.

    Queues that have not changed cost little: their statistics are the same objects as in the previous overview.

    Args:
        server: the store.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._queues: list[str] = []
        self._workers: list[str] = []
        self._known: dict[str, _Known] = {}

    async def read(self) -> Overview:
        """Read everything. The cost depends on the number of queues and workers, not on the number of tasks.

        Raises:
            StoreUnavailable: the store did not answer.
        """
        queues, workers = self._queues[:QUEUES_PER_CALL], self._workers[:QUEUES_PER_CALL]
        lists = (("SMEMBERS", QUEUES), ("ZRANGE", WORKERS, 0, -1))
        replies = await self._server.run_with_infos(
            [stats_call(name) for name in queues], [*lists, *map(_registration, workers)]
        )
        queue_names, worker_names, *registrations = replies.commands
        self._queues = sorted(names(queue_names))
        self._workers = names(worker_names)
        stats = self._read_stats(queues, replies.scripts)
        statuses = dict(zip(workers, map(_read_worker, registrations), strict=True))
        for some in _slices([name for name in self._queues if name not in stats]):
            stats |= self._read_stats(some, await self._run([stats_call(name) for name in some]))
        for some in _slices([name for name in self._workers if name not in statuses]):
            registrations = await self._server.commands([_registration(name) for name in some])
            statuses |= zip(some, map(_read_worker, registrations), strict=True)
        readable, unreadable = partition(self._queues, [stats[name] for name in self._queues])
        self._known = {name: self._known[name] for name, _ in readable}
        return Overview(
            queues=[each for _, each in readable],
            workers=[each for name in self._workers if (each := statuses[name])],
            server=_read_server(replies.infos),
            readiness=unreadable[0][1] if unreadable else _judge(replies.infos),
        )

    async def _run(self, calls: Sequence[Call]) -> list[Result[Any]]:
        results = await self._server.run_all(calls)
        if not self._server.is_cluster:
            # Without its only server the overview is worthless; of a Cluster, the queues of the other nodes are left.
            for result in results:
                if isinstance(result, StoreUnavailable):
                    raise result
        return results

    def _read_stats(self, queues: Sequence[str], replies: Sequence[Result[Any]]) -> dict[str, Result[QueueStats]]:
        return {
            queue: reply if isinstance(reply, StoreError) else self._read_queue(queue, reply)
            for queue, reply in zip(queues, replies, strict=True)
        }

    def _read_queue(self, queue: str, reply: list[Any]) -> QueueStats:
        known = self._known.get(queue)
        if known is not None and _is_unchanged(reply, known.reply):
            return known.stats
        totals = known.stats.totals if known is not None and _totals(reply) == _totals(known.reply) else None
        stats = read_stats(queue, reply, totals)
        self._known[queue] = _Known(reply, stats)
        return stats


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


def _registration(worker: str) -> tuple[Argument, ...]:
    return ("GET", WORKER + worker)


def _read_worker(registration: bytes | None) -> WorkerStatus | None:
    found = read_workers([registration])
    return found[0] if found else None


def _slices(subjects: Sequence[str]) -> Iterator[Sequence[str]]:
    for first in range(0, len(subjects), QUEUES_PER_CALL):
        yield subjects[first : first + QUEUES_PER_CALL]


def _is_unchanged(reply: list[Any], known: list[Any]) -> bool:
    """True if the replies for a queue differ in the server's clock only, and no number depends on the clock."""
    oldest_pending_ms = reply[2]
    return oldest_pending_ms < 0 and reply[1:] == known[1:]


def _totals(reply: list[Any]) -> list[bytes]:
    totals: list[bytes] = reply[4]
    return totals
