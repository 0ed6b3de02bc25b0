"""Script calls that replicas acknowledge.

The scripts, a write and ``WAIT`` go to the primary in one write on one connection:

- ``WAIT`` waits for the last write of its own connection. On another connection it may be answered at once.
- A script that repeats an earlier call writes nothing, and a connection that wrote nothing is answered as if all
  replicas had acknowledged. The write to the fence, a key of the queue, moves the connection behind everything that the
  primary has written so far, and so behind the earlier call.
- A primary that is demoted meanwhile answers ``WAIT`` with an error: the task is not acknowledged.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any, NamedTuple

from redis.exceptions import NoScriptError, RedisError

from queuecore.errors import NotDurable, StoreError, StoreUnavailable
from queuecore.store.client.errors import translate
from queuecore.store.client.server import Server, eval_command, evalsha_command, first_round_trip
from queuecore.store.result import Result
from queuecore.store.scripts.call import Argument, Call
from queuecore.store.scripts.keys import queue_keys

MAX_WAIT_MS = 800
"""Two waits, the second after a script was unknown to the server, fit into the deadline of a request."""

NoteWait = Callable[[float], None]
"""Takes the duration of a call that waited for replicas, in seconds."""


class Unacknowledged(NamedTuple):
    """A reply for one item of a script call that too few replicas acknowledged."""

    reply: Any
    reason: str


def note_no_wait(_seconds: float) -> None:
    """Ignore a duration."""


class ReplicatedCalls:
    """Runs scripts as :class:`Server` does, and waits for replicas.

    Args:
        server: the store.
        replicas: the number of replicas that must acknowledge.
        note_wait: takes the duration of each round trip.
    """

    def __init__(self, server: Server, replicas: int, note_wait: NoteWait = note_no_wait) -> None:
        self._server = server
        self.replicas = replicas
        """The number of replicas that must acknowledge."""
        self._note_wait = note_wait
        # The server must answer before the connection times out, or the replies of the scripts would be lost, too.
        self._wait_ms = min(MAX_WAIT_MS, max(1, server.timeout_ms * 2 // 3))

    async def run_all(self, calls: Sequence[Call]) -> list[Result[Any]]:
        """Run scripts with items; calls on one queue keep their order.

        Returns:
            The reply of each call. Its items are :class:`Unacknowledged` when too few replicas acknowledged the call.
        """
        if not self._server.is_cluster:
            return await self._run_in_order(calls)
        places: dict[str, list[int]] = {}
        for place, call in enumerate(calls):
            places.setdefault(call.queue, []).append(place)
        answered = await asyncio.gather(
            *(self._run_in_order([calls[place] for place in chosen]) for chosen in places.values())
        )
        results: list[Result[Any]] = [None] * len(calls)
        for chosen, replies in zip(places.values(), answered, strict=True):
            for place, reply in zip(chosen, replies, strict=True):
                results[place] = reply
        return results

    async def _run_in_order(self, calls: Sequence[Call]) -> list[Result[Any]]:
        results: list[Result[Any]] = []
        while len(results) < len(calls):
            results += await self._run(first_round_trip(calls[len(results) :]))
            if isinstance(results[-1], StoreUnavailable):
                results += [results[-1]] * (len(calls) - len(results))
        return results

    async def command(self, fence: str, *parts: Argument) -> Any:
        """Run one command; its reply.

        Args:
            fence: a key in the slot of the command's keys, to which nobody else writes.
            parts: the command.

        Raises:
            NotDurable: too few replicas acknowledged it.
            StoreError: see :mod:`queuecore.errors`.
        """
        (reply,), problem = await self._send(fence, [parts])
        if isinstance(reply, RedisError):
            raise translate(reply)
        if problem is not None:
            raise NotDurable(problem)
        return reply

    async def _run(self, calls: Sequence[Call]) -> list[Result[Any]]:
        """Run scripts in one round trip to one server."""
        try:
            fence = queue_keys(calls[0].queue).fence
            replies, problem = await self._send(fence, [evalsha_command(call) for call in calls])
            if any(isinstance(reply, NoScriptError) for reply in replies):
                replies, problem = await self._send(fence, [eval_command(call) for call in calls])
        except StoreError as error:
            return [error] * len(calls)
        return [_result(reply, problem) for reply in replies]

    async def _send(self, fence: str, commands: Sequence[Sequence[Argument]]) -> tuple[list[Any], str | None]:
        """Run commands; their replies, and the reason why too few replicas acknowledged them."""
        begun_s = perf_counter()
        try:
            *replies, written, acknowledged = await self._server.exchange(
                fence, [*commands, ("SET", fence, 1), ("WAIT", self.replicas, self._wait_ms)]
            )
        finally:
            self._note_wait(perf_counter() - begun_s)
        return replies, self._find_problem(written, acknowledged)

    def _find_problem(self, written: object, acknowledged: object) -> str | None:
        for reply in (written, acknowledged):
            if isinstance(reply, RedisError):
                return f"the server answered: {reply}"
        if isinstance(acknowledged, int) and acknowledged >= self.replicas:
            return None
        return f"{acknowledged} of {self.replicas} replicas acknowledged it within {self._wait_ms} ms"


def _result(reply: Any, problem: str | None) -> Result[Any]:
    if isinstance(reply, RedisError):
        return translate(reply)
    return reply if problem is None else [Unacknowledged(each, problem) for each in reply]
