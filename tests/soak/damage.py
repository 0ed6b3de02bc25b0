"""Damaged keys in the queue under load, planted beside its tasks and accounted for on their own."""

from __future__ import annotations

import random
from typing import NamedTuple

from queuecore.domain.state import TaskState
from queuecore.store.scripts.keys import envelope_key, queue_keys
from queuecore.store.tasks.task_id import new_task_id
from queuecore.testing.builders import make_task
from queuecore.testing.store import TestStore
from queuecore.testing.waiting import eventually
from queuecore.wire.envelope import VERSION, encode
from tests.support.system import QUEUE

KINDS = ("emptied", "garbled", "of a wrong type", "no text", "newer")
STATES = (TaskState.PENDING, TaskState.SCHEDULED, TaskState.RETRY, TaskState.ACTIVE)
_MOST = 20
_DROPPED = ("of a wrong type", "no text")
"""Kinds that are dropped and counted as orphans; the rest are archived, but those of a newer version stay."""
_KEYS = queue_keys(QUEUE)


class _Planted(NamedTuple):
    kind: str
    member: bytes


class Damage:
    """Plants damaged keys and checks what became of them.

    Args:
        store: with operations that go to the server directly.
        dice: selects what is planted.
    """

    def __init__(self, store: TestStore, dice: random.Random) -> None:
        self._store = store
        self._dice = dice
        self._planted: list[_Planted] = []

    async def plant(self) -> None:
        """Plant a few damaged keys of one kind in one state, in front of its tasks and due at once."""
        kind, state = self._dice.choice(KINDS), self._dice.choice(STATES)
        for _ in range(self._dice.randint(1, _MOST)):
            task_id = new_task_id()
            member = b"\xff\xfe" + task_id.encode() if kind == "no text" else task_id.encode()
            self._planted.append(_Planted(kind, member))
            await self._write_envelope(kind, task_id)
            await self._store.server.command("ZADD", getattr(_KEYS, state.value), 1, member)

    async def settle(self, within_s: float) -> list[str]:
        """Wait until every planted key has its end, and remove what is left of them.

        Returns:
            The violations.
        """
        violations = []
        try:
            await eventually(self._all_settled, within_s)
        except AssertionError:
            violations = [
                f"damage {each.kind!r} is still in a queue: {each.member!r}" for each in await self._unsettled()
            ]
        return violations + await self._remove()

    async def _write_envelope(self, kind: str, task_id: str) -> None:
        key = envelope_key(_KEYS, task_id)
        envelope = encode(make_task(id=task_id, queue=QUEUE))
        contents = {"emptied": b"", "garbled": envelope[:-9], "newer": bytes([VERSION + 1]) + envelope[1:]}
        if kind in contents:
            await self._store.server.command("INCRBY", _KEYS.bytes, len(contents[kind]))
            await self._store.server.command("SET", key, contents[kind])
        elif kind == "of a wrong type":
            await self._store.server.command("RPUSH", key, envelope)

    async def _all_settled(self) -> bool:
        return not await self._unsettled()

    async def _unsettled(self) -> list[_Planted]:
        return [each for each in self._planted if not await self._is_settled(each)]

    async def _is_settled(self, planted: _Planted) -> bool:
        states = [state for state in TaskState if await self._is_in(state, planted.member)]
        match planted.kind:
            case "newer":
                # The lease of a lost attempt is for a scheduler of that release to end.
                return states in ([TaskState.PENDING], [TaskState.ACTIVE])
            case kind if kind in _DROPPED:
                return not states
        return states == [TaskState.ARCHIVED]

    async def _is_in(self, state: TaskState, member: bytes) -> bool:
        return await self._store.server.command("ZSCORE", getattr(_KEYS, state.value), member) is not None

    async def _remove(self) -> list[str]:
        for each in self._planted:
            for state in TaskState:
                await self._store.server.command("ZREM", getattr(_KEYS, state.value), each.member)
            if each.kind != "no text":
                await self._remove_envelope(each.member.decode())
        dropped = sum(each.kind in _DROPPED for each in self._planted)
        counted = int(await self._store.server.command("HGET", _KEYS.totals, "orphans") or 0)
        await self._store.server.command("HDEL", _KEYS.totals, "orphans")
        return (
            [] if counted == dropped else [f"{dropped} planted keys were dropped, and {counted} orphans were counted"]
        )

    async def _remove_envelope(self, task_id: str) -> None:
        key = envelope_key(_KEYS, task_id)
        if await self._store.server.command("TYPE", key) in (b"string", "string"):
            size = await self._store.server.command("STRLEN", key)
            await self._store.server.command("DECRBY", _KEYS.bytes, size)
        await self._store.server.command("DEL", key, f"{_KEYS.prefix}r:{task_id}")
