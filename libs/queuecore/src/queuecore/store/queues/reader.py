"""Reading queues: counts per state, totals, limits, pause."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from queuecore.domain.state import TaskState
from queuecore.errors import StoreError
from queuecore.store.client.server import Call, Server
from queuecore.store.queues.limits import QueueLimits, read_limit
from queuecore.store.queues.totals import Totals, read_totals
from queuecore.store.scripts.keys import QUEUES
from queuecore.store.scripts.loader import load_script
from queuecore.store.scripts.replies import pairs

DUE_WINDOWS_MS = (0, 60_000, 300_000)
"""How far ahead due tasks are counted."""

WAITING_STATES = (TaskState.PENDING, TaskState.SCHEDULED, TaskState.RETRY)

_STATES = (
    TaskState.PENDING,
    TaskState.ACTIVE,
    TaskState.SCHEDULED,
    TaskState.RETRY,
    TaskState.ARCHIVED,
    TaskState.COMPLETED,
)


class QueueStats(msgspec.Struct, frozen=True):
    """A queue at one moment."""

    queue: str
    counts: dict[TaskState, int]
    oldest_pending_ms: int
    """How long the oldest pending task has waited; 0 when none is pending."""
    due: dict[int, int]
    """Scheduled and retry tasks that are due within each of :data:`DUE_WINDOWS_MS`."""
    totals: Totals
    limits: QueueLimits
    """The queue's own."""
    bytes: int
    """The sizes of all envelopes of the queue."""
    paused: bool = False

    @property
    def waiting(self) -> int:
        """The tasks that a limit of the depth counts: those that have neither begun nor ended."""
        return sum(self.counts[state] for state in WAITING_STATES)


class QueueReader:
    """Reads the state of whole queues."""

    def __init__(self, server: Server) -> None:
        self._server = server

    async def names(self) -> list[str]:
        """The names of all queues that were ever used, sorted."""
        names = await self._server.command("SMEMBERS", QUEUES)
        return sorted(name.decode() for name in names)

    async def stats(self, queues: Sequence[str]) -> list[QueueStats]:
        """Count the tasks of each queue, in one round trip."""
        answers = await self._server.run_all([stats_call(queue) for queue in queues])
        return [read_stats(queue, answer) for queue, answer in zip(queues, answers, strict=True)]


def stats_call(queue: str) -> Call:
    """The call that counts the tasks of a queue."""
    return Call(load_script("stats"), queue, DUE_WINDOWS_MS)


def read_stats(queue: str, answer: Any) -> QueueStats:
    """What :func:`stats_call` brought back.

    Raises:
        StoreError: ``answer`` is one.
    """
    if isinstance(answer, StoreError):
        raise answer
    now_ms, counts, oldest, due, totals, max_depth, max_bytes, size, paused = answer
    return QueueStats(
        queue=queue,
        counts=dict(zip(_STATES, counts, strict=True)),
        oldest_pending_ms=max(0, now_ms - oldest) if oldest >= 0 else 0,
        due=dict(zip(DUE_WINDOWS_MS, due, strict=True)),
        totals=read_totals({field.decode(): int(number) for field, number in pairs(totals).items()}),
        limits=QueueLimits(read_limit(max_depth), read_limit(max_bytes)),
        bytes=size,
        paused=bool(paused),
    )
