"""Reading tasks and counting them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from queuecore.domain.state import TaskState
from queuecore.domain.task import ArchiveReason, Attempt, TaskSnapshot
from queuecore.errors import StoreError
from queuecore.store.keys import QUEUES
from queuecore.store.limits import QueueLimits, read_limit
from queuecore.store.scripts import load_script
from queuecore.store.server import Call, Server
from queuecore.store.totals import Totals, read_totals
from queuecore.wire import attempt as attempt_wire
from queuecore.wire import envelope

DUE_WINDOWS_MS = (0, 60_000, 300_000)
"""How far ahead due tasks are counted."""

_STATES_OF_FIND = (
    TaskState.ACTIVE,
    TaskState.PENDING,
    TaskState.SCHEDULED,
    TaskState.RETRY,
    TaskState.ARCHIVED,
    TaskState.COMPLETED,
)
WAITING_STATES = (TaskState.PENDING, TaskState.SCHEDULED, TaskState.RETRY)

_STATES_OF_STATS = (
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


class TaskReader:
    """Reads tasks and queues."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._find = load_script("find")

    async def find(self, task_id: str, queues: Sequence[str]) -> TaskSnapshot | None:
        """The task with this id in the first of ``queues`` that has it; ``None`` when none has."""
        answers = await self._server.run_all([Call(self._find, queue, (task_id,)) for queue in queues])
        for queue, answer in zip(queues, answers, strict=True):
            if isinstance(answer, StoreError):
                raise answer
            if answer is not None:
                return _read_snapshot(task_id, queue, answer)
        return None

    async def queues(self) -> list[str]:
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
        counts=dict(zip(_STATES_OF_STATS, counts, strict=True)),
        oldest_pending_ms=max(0, now_ms - oldest) if oldest >= 0 else 0,
        due=dict(zip(DUE_WINDOWS_MS, due, strict=True)),
        totals=read_totals({field.decode(): int(number) for field, number in _pairs(totals).items()}),
        limits=QueueLimits(read_limit(max_depth), read_limit(max_bytes)),
        bytes=size,
        paused=bool(paused),
    )


def _read_snapshot(task_id: str, queue: str, answer: list[Any]) -> TaskSnapshot:
    place, state_at_ms, data, flat = answer
    record = {field.decode(): value for field, value in _pairs(flat).items()}
    reason, ended_at = record.get("reason"), record.get("ended_at")
    return TaskSnapshot(
        task=envelope.decode(task_id, queue, data),
        state=_STATES_OF_FIND[place - 1],
        state_at_ms=state_at_ms,
        attempt=int(record.get("attempt", 0)),
        excused=int(record.get("excused", 0)),
        retried=int(record.get("retried", 0)),
        last_error=record.get("last_error", b"").decode(),
        reason=ArchiveReason(reason.decode()) if reason else None,
        cancel_requested="cancel" in record,
        ended_at_ms=int(ended_at) if ended_at else None,
        progress=record.get("progress"),
        result=record.get("result") or None,
        attempts=_attempts(record),
    )


def _attempts(record: dict[str, bytes]) -> tuple[Attempt, ...]:
    numbers = sorted(int(field[2:]) for field in record if field.startswith("a:"))
    return tuple(attempt_wire.decode(number, record[f"a:{number}"]) for number in numbers)


def _pairs(flat: list[bytes]) -> dict[bytes, bytes]:
    return dict(zip(flat[::2], flat[1::2], strict=True))
