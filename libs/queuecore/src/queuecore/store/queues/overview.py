"""What there is to tell of the whole store at one moment, read in one round trip."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from queuecore.errors import StoreError
from queuecore.store.client.server import BatchReply, Server
from queuecore.store.queues.directory import WorkerStatus
from queuecore.store.queues.reader import QueueStats, read_stats, stats_call
from queuecore.store.queues.readiness import Readiness, judge_infos
from queuecore.store.scripts.keys import QUEUES, WORKER, WORKERS


class ServerStatus(msgspec.Struct, frozen=True):
    """What the server tells of itself; of a Cluster, its nodes together."""

    memory_bytes: int
    """What it uses; of a Cluster, what the fullest node uses, since the first full one refuses tasks."""
    memory_limit_bytes: int
    """What that server may use; 0: no limit."""
    clients: int
    commands: int
    """Run so far."""
    evicted_keys: int
    """So far."""


class Overview(msgspec.Struct, frozen=True):
    """The store at one moment."""

    queues: list[QueueStats]
    """Those that could be read."""
    workers: list[WorkerStatus]
    """Those whose registration holds."""
    server: ServerStatus | None
    """``None`` where the server does not tell."""
    readiness: Readiness | StoreError
    """Whether the store is fit; the error says why not."""


class OverviewReader:
    """Reads overviews.

    It asks for what it knows of from the last time, together with the lists of what there is. What is new costs one
    more round trip, once.

    Args:
        server: the store.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._queues: list[str] = []
        self._workers: list[str] = []

    async def read(self) -> Overview:
        """Look at everything; the cost grows with the number of queues and workers, not with that of tasks.

        Raises:
            StoreUnavailable: the store did not answer.
        """
        queues, workers = self._queues, self._workers
        lists = (("SMEMBERS", QUEUES), ("ZRANGE", WORKERS, 0, -1))
        answers = await self._ask(queues, workers, lists)
        queue_names, worker_names = answers.commands[: len(lists)]
        stats = dict(zip(queues, answers.scripts, strict=True))
        statuses = dict(zip(workers, answers.commands[len(lists) :], strict=True))
        self._queues = sorted(name.decode() for name in queue_names)
        self._workers = [name.decode() for name in worker_names]
        new_queues = [name for name in self._queues if name not in stats]
        new_workers = [name for name in self._workers if name not in statuses]
        if new_queues or new_workers:
            more = await self._ask(new_queues, new_workers, ())
            stats |= zip(new_queues, more.scripts, strict=True)
            statuses |= zip(new_workers, more.commands, strict=True)
        told = {name: stats[name] for name in self._queues}
        return Overview(
            queues=[read_stats(name, each) for name, each in told.items() if not isinstance(each, StoreError)],
            workers=_read_workers(statuses[name] for name in self._workers),
            server=None if isinstance(answers.infos, StoreError) else _sum_up(answers.infos),
            readiness=_judge(told.values(), answers.infos),
        )

    async def _ask(self, queues: Sequence[str], workers: Sequence[str], lists: Sequence[tuple[Any, ...]]) -> BatchReply:
        registrations = [("GET", WORKER + name) for name in workers]
        return await self._server.ask([stats_call(name) for name in queues], [*lists, *registrations])


def _read_workers(stored: Iterable[bytes | None]) -> list[WorkerStatus]:
    return [msgspec.json.decode(each, type=WorkerStatus) for each in stored if each is not None]


def _judge(stats: Iterable[Any], infos: Sequence[Mapping[str, Any]] | StoreError) -> Readiness | StoreError:
    failed = next((each for each in stats if isinstance(each, StoreError)), None)
    if failed is not None:
        return failed
    try:
        return judge_infos(infos)
    except StoreError as error:
        return error


def _sum_up(infos: Sequence[Mapping[str, Any]]) -> ServerStatus:
    fullest = max(infos, key=_fill)
    return ServerStatus(
        memory_bytes=int(fullest["used_memory"]),
        memory_limit_bytes=int(fullest.get("maxmemory", 0)),
        clients=sum(int(info["connected_clients"]) for info in infos),
        commands=sum(int(info["total_commands_processed"]) for info in infos),
        evicted_keys=sum(int(info["evicted_keys"]) for info in infos),
    )


def _fill(info: Mapping[str, Any]) -> tuple[float, int]:
    used, limit = int(info["used_memory"]), int(info.get("maxmemory", 0))
    return (used / limit if limit else 0.0, used)
