"""Lookup of single tasks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from queuecore.domain.state import TaskState
from queuecore.domain.task import ArchiveReason, Attempt, TaskSnapshot
from queuecore.store.client.server import Server
from queuecore.store.result import unwrap
from queuecore.store.scripts import calls
from queuecore.store.scripts.replies import pairs
from queuecore.wire import attempt as attempt_wire
from queuecore.wire import envelope


class TaskReader:
    """Reads tasks."""

    def __init__(self, server: Server) -> None:
        self._server = server

    async def find(self, task_id: str, queues: Sequence[str]) -> TaskSnapshot | None:
        """The task with this id in the first of ``queues`` that has it; ``None`` when none has.

        Raises:
            StoreError: a queue before it could not be read.
            EnvelopeError: its envelope is damaged.
        """
        results = await self._server.run_all([calls.find(queue, task_id=task_id) for queue in queues])
        for queue, result in zip(queues, results, strict=True):
            reply = unwrap(result)
            if reply is not None:
                return _read_snapshot(task_id, queue, reply)
        return None


def _read_snapshot(task_id: str, queue: str, reply: list[Any]) -> TaskSnapshot:
    state, state_at_ms, data, flat = reply
    record = {field.decode(): value for field, value in pairs(flat).items()}
    reason, ended_at = record.get("reason"), record.get("ended_at")
    return TaskSnapshot(
        task=envelope.decode(task_id, queue, data),
        state=TaskState(state.decode()),
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
