"""Lookup of single tasks."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import msgspec

from queuecore.domain.state import TaskState
from queuecore.domain.task import ArchiveReason, Attempt, TaskSnapshot
from queuecore.domain.timestamp import LAST_MS
from queuecore.store.client.server import Server
from queuecore.store.result import unwrap
from queuecore.store.scripts import calls
from queuecore.store.scripts.keys import envelope_key, queue_keys
from queuecore.store.scripts.replies import names, pairs
from queuecore.wire import attempt as attempt_wire
from queuecore.wire import envelope

_SEARCHED_AT_ONCE = 1_000
"""Queues per command of a search, which takes the server well under a millisecond."""


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

    async def search(self, task_id: str, queues: Sequence[str]) -> list[str]:
        """Those of ``queues`` that have an envelope for this id, in order.

        Two round trips however many queues there are: one counts the envelopes of many queues per command, and the
        other looks into the part that has one. On a Cluster it is one command per queue, in a round trip per server.

        Raises:
            StoreError: the store failed.
        """
        parts = [queues[start : start + _SEARCHED_AT_ONCE] for start in range(0, len(queues), _SEARCHED_AT_ONCE)]
        if not self._server.is_cluster:
            counts = await self._exist([[envelope_key(queue_keys(name), task_id) for name in part] for part in parts])
            parts = [part for part, count in zip(parts, counts, strict=True) if count]
        found: list[str] = []
        # One round trip for nearly every id, because ids are in one queue.
        for part in parts:
            counts = await self._exist([[envelope_key(queue_keys(name), task_id)] for name in part])
            found += [name for name, count in zip(part, counts, strict=True) if count]
        return found

    async def _exist(self, keys: Sequence[Sequence[str]]) -> list[int]:
        """The number of existing keys of each group."""
        return await self._server.commands([("EXISTS", *group) for group in keys]) if keys else []

    async def locate(self, task_id: str, queues: Sequence[str]) -> str | None:
        """The first of ``queues`` that has a task with this id, damaged or not; ``None`` when none has.

        Raises:
            StoreError: a queue before it could not be read.
        """
        results = await self._server.run_all([calls.find(queue, task_id=task_id) for queue in queues])
        return next((queue for queue, result in zip(queues, results, strict=True) if unwrap(result) is not None), None)


def _read_snapshot(task_id: str, queue: str, reply: list[Any]) -> TaskSnapshot:
    state, state_at_ms, data, flat = reply
    stored = pairs(flat)
    record = {name: stored[name.encode()] for name in names(stored)}
    return TaskSnapshot(
        task=envelope.decode(task_id, queue, data),
        state=TaskState(state.decode()),
        # An earlier release may have stored a due time without bound.
        state_at_ms=min(state_at_ms, LAST_MS),
        attempt=_number(record, "attempt") or 0,
        excused=_number(record, "excused") or 0,
        retried=_number(record, "retried") or 0,
        last_error=record.get("last_error", b"").decode(errors="replace"),
        reason=_REASONS.get(record.get("reason", b"")),
        cancel_requested="cancel" in record,
        ended_at_ms=_number(record, "ended_at"),
        progress=record.get("progress"),
        result=record.get("result") or None,
        attempts=_attempts(record),
    )


_REASONS = {reason.value.encode(): reason for reason in ArchiveReason}
"""A reason that is missing here is of a newer release, or damaged."""


def _number(record: dict[str, bytes], name: str) -> int | None:
    """A number of a record; ``None`` when it is missing or damaged."""
    value = record.get(name, b"")
    return int(value) if value.isdigit() else None


def _attempts(record: dict[str, bytes]) -> tuple[Attempt, ...]:
    """The attempts that can be read: one of a newer release may have an outcome that is unknown here."""
    attempts = []
    for number in sorted(int(field[2:]) for field in record if field.startswith("a:") and field[2:].isdecimal()):
        with suppress(msgspec.MsgspecError, KeyError):
            attempts.append(attempt_wire.decode(number, record[f"a:{number}"]))
    return tuple(attempts)
