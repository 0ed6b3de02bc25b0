"""Statistics of queues: counts per state, totals, limits, pause."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from queuecore.domain.state import TaskState
from queuecore.store.client.server import Server
from queuecore.store.queues.limits import QueueLimits, read_durability, read_limit
from queuecore.store.queues.totals import Totals, read_totals
from queuecore.store.result import unwrap
from queuecore.store.scripts import calls
from queuecore.store.scripts.call import Call
from queuecore.store.scripts.keys import QUEUES
from queuecore.store.scripts.replies import names, pairs

DUE_WINDOWS_MS = (0, 60_000, 300_000)
"""The windows from now in which due tasks are counted."""

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
    """The age of the oldest pending task; 0 when none is pending."""
    due: dict[int, int]
    """Scheduled tasks and retries due within each of :data:`DUE_WINDOWS_MS`."""
    totals: Totals
    limits: QueueLimits
    """The queue's own limits."""
    bytes: int
    """The part of ``max_bytes`` in use: the size of all envelopes and of live idempotency keys."""
    paused: bool = False

    @property
    def waiting(self) -> int:
        """The tasks that ``max_depth`` counts: pending, scheduled and retry."""
        return sum(self.counts[state] for state in WAITING_STATES)


class QueueReader:
    """Reads the state of whole queues."""

    def __init__(self, server: Server) -> None:
        self._server = server

    async def names(self) -> list[str]:
        """The names of all queues ever used, sorted."""
        return sorted(names(await self._server.command("SMEMBERS", QUEUES)))

    async def stats(self, queues: Sequence[str]) -> list[QueueStats]:
        """The statistics of each queue, in one round trip.

        Raises:
            StoreError: a queue could not be read.
        """
        results = await self._server.run_all([stats_call(queue) for queue in queues])
        return [read_stats(queue, unwrap(result)) for queue, result in zip(queues, results, strict=True)]


def stats_call(queue: str) -> Call:
    """The call that counts the tasks of a queue."""
    return calls.stats(queue, DUE_WINDOWS_MS)


def read_stats(queue: str, reply: Any, parsed_totals: Totals | None = None) -> QueueStats:
    """The statistics in the reply to :func:`stats_call`.

    Args:
        queue: the queue.
        reply: the reply.
        parsed_totals: the totals in the reply, if they are parsed already.
    """
    now_ms, counts, oldest, due, totals, max_depth, max_bytes, size, paused, durability = reply
    return QueueStats(
        queue=queue,
        counts=dict(zip(_STATES, counts, strict=True)),
        oldest_pending_ms=max(0, now_ms - oldest) if oldest >= 0 else 0,
        due=dict(zip(DUE_WINDOWS_MS, due, strict=True)),
        totals=parsed_totals or read_totals(_read_numbers(pairs(totals))),
        limits=QueueLimits(read_limit(max_depth), read_limit(max_bytes), read_durability(durability)),
        bytes=size,
        paused=bool(paused),
    )


def _read_numbers(fields: dict[bytes, bytes]) -> dict[str, int]:
    """The fields that are counters; others are damage."""
    return {
        field.decode(): int(number)
        for field, number in fields.items()
        if field.isascii() and number.removeprefix(b"-").isdigit()
    }
