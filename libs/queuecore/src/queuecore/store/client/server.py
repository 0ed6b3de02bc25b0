"""Script calls on a Redis or Valkey server, or on a Cluster of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from time import perf_counter
from types import TracebackType
from typing import Any, NamedTuple

from redis.asyncio import Redis
from redis.asyncio.cluster import RedisCluster
from redis.asyncio.sentinel import SentinelConnectionPool
from redis.exceptions import NoScriptError, RedisError

from queuecore.errors import StoreError, StoreUnavailable
from queuecore.store.client.circuit_breaker import CircuitBreaker
from queuecore.store.client.errors import translate, translated
from queuecore.store.client.tracing import call_span
from queuecore.store.scripts.keys import QueueKeys, queue_keys
from queuecore.store.scripts.loader import Argument, Script

Client = Redis | RedisCluster


NoteCall = Callable[[float, bool], None]
"""Takes how long a call took, in seconds, and whether the store answered."""


class Call(NamedTuple):
    """One call of a script on one queue. The queue's prefix is sent ahead of ``arguments``."""

    script: Script
    queue: str
    arguments: Sequence[Argument] = ()


class BatchReply(NamedTuple):
    """What :meth:`Server.ask` brought back."""

    scripts: list[Any]
    """Per call what its script returned, or the :class:`~queuecore.errors.StoreError` with which it failed."""
    commands: list[Any]
    infos: list[dict[str, Any]] | StoreError
    """What INFO tells of the server, on a Cluster of each node that takes writes."""


class Server:
    """Runs scripts.

    Args:
        client: for commands that answer at once.
        blocking: for commands that wait on the server; it has no read timeout.
        most_calls: calls that may be under way at once, each on a connection of its own; others wait.
        timeout_ms: how long ``client`` waits for an answer.
    """

    def __init__(self, client: Client, blocking: Client, most_calls: int, timeout_ms: int) -> None:
        self.client = client
        self.blocking = blocking
        self.timeout_ms = timeout_ms
        self._permits = asyncio.Semaphore(most_calls)
        self._note_call: NoteCall = _note_nothing
        self._breaker: CircuitBreaker | None = None

    def watch(self, note_call: NoteCall) -> None:
        """Have each call noted from now on, but for those that wait for work."""
        self._note_call = note_call

    def fail_fast(self) -> None:
        """From now on refuse calls at once while the store is away, see :class:`CircuitBreaker`.

        Not on a Cluster: when one of its nodes is away, the others are not.
        """
        if not self.is_cluster:
            self._breaker = CircuitBreaker()

    @property
    def is_cluster(self) -> bool:
        """Whether keys of different queues may lie on different servers."""
        return isinstance(self.client, RedisCluster)

    async def run(self, call: Call) -> Any:
        """Run one script.

        Raises:
            StoreError: see :mod:`queuecore.errors`.
        """
        keys = queue_keys(call.queue)
        async with self._permits:
            with call_span("EVALSHA", call.script.name), self._called(), translated():
                try:
                    return await self.client.execute_command(*_evalsha(call, keys))
                except NoScriptError:
                    return await self.client.execute_command(*_eval(call, keys))

    async def run_all(self, calls: Sequence[Call]) -> list[Any]:
        """Run scripts in one round trip; on a Cluster the queues side by side. Calls on one queue keep their order.

        Returns:
            Per call what its script returned, or the :class:`~queuecore.errors.StoreError` with which it failed.
        """
        if len(calls) == 1:
            return [await self._run_or_error(calls[0])]
        if isinstance(self.client, Redis):
            return await self._run_pipelined(self.client, calls)
        return await self._run_side_by_side(calls)

    async def _run_side_by_side(self, calls: Sequence[Call]) -> list[Any]:
        answers: list[Any] = [None] * len(calls)

        async def run_in_turn(queue: str) -> None:
            for place, call in enumerate(calls):
                if call.queue == queue:
                    answers[place] = await self._run_or_error(call)

        await asyncio.gather(*(run_in_turn(queue) for queue in {call.queue for call in calls}))
        return answers

    async def _run_pipelined(self, client: Redis, calls: Sequence[Call]) -> list[Any]:
        pipeline = client.pipeline(transaction=False)
        for call in calls:
            pipeline.execute_command(*_evalsha(call, queue_keys(call.queue)))
        try:
            async with self._permits:
                with call_span("EVALSHA", _names(calls), len(calls)), self._called(), translated():
                    answers = await pipeline.execute(raise_on_error=False)
        except StoreError as error:
            return [error] * len(calls)
        return [await self._settled(call, answer) for call, answer in zip(calls, answers, strict=True)]

    async def _settled(self, call: Call, answer: object) -> object:
        if isinstance(answer, NoScriptError):
            return await self._run_or_error(call)
        return translate(answer) if isinstance(answer, RedisError) else answer

    async def _run_or_error(self, call: Call) -> object:
        try:
            return await self.run(call)
        except StoreError as error:
            return error

    async def command(self, *parts: Argument) -> Any:
        """Run one plain command; what the server answers.

        Raises:
            StoreError: see :mod:`queuecore.errors`.
        """
        async with self._permits:
            with call_span(str(parts[0])), self._called(), translated():
                return await self.client.execute_command(*parts)

    async def commands(self, commands: Sequence[Sequence[Argument]]) -> list[Any]:
        """Run plain commands in one round trip (on a Cluster, one per server); what the server answers to each.

        Raises:
            StoreError: one of them failed; the others may have been done.
        """
        pipeline = self.client.pipeline(transaction=False)
        for parts in commands:
            pipeline.execute_command(*parts)
        async with self._permits:
            with call_span("PIPELINE", commands=len(commands)), self._called(), translated():
                return await pipeline.execute()

    async def ask(self, calls: Sequence[Call], commands: Sequence[Sequence[Argument]]) -> BatchReply:
        """Run scripts and plain commands, and read INFO, in one round trip; on a Cluster side by side.

        Raises:
            StoreError: the store did not answer, or refused a plain command.
        """
        if not isinstance(self.client, Redis):
            scripts, plain, infos = await asyncio.gather(
                self._run_side_by_side(calls), self.commands(commands), self._infos(self.client)
            )
            return BatchReply(scripts, plain, infos)
        pipeline = self.client.pipeline(transaction=False)
        for call in calls:
            pipeline.execute_command(*_evalsha(call, queue_keys(call.queue)))
        for parts in commands:
            pipeline.execute_command(*parts)
        pipeline.execute_command("INFO")
        async with self._permits:
            with self._called(), translated():
                *told, info = await pipeline.execute(raise_on_error=False)
        scripts = [await self._settled(call, answer) for call, answer in zip(calls, told, strict=False)]
        plain = told[len(calls) :]
        for answer in plain:
            if isinstance(answer, RedisError):
                raise translate(answer)
        return BatchReply(scripts, plain, translate(info) if isinstance(info, RedisError) else [info])

    async def infos(self) -> list[dict[str, Any]] | StoreError:
        """What INFO tells, see :class:`BatchReply`; the error where it tells nothing."""
        if isinstance(self.client, Redis):
            try:
                return [await self.command("INFO")]
            except StoreError as error:
                return error
        return await self._infos(self.client)

    async def _infos(self, cluster: RedisCluster) -> list[dict[str, Any]] | StoreError:
        try:
            async with self._permits:
                with self._called(), translated():
                    answers = await cluster.info(target_nodes="primaries")
        except StoreError as error:
            return error
        return list(answers.values())

    def _called(self) -> _Called:
        return _Called(self._note_call, self._breaker)

    async def close(self) -> None:
        """Give all connections back."""
        for client in (self.client, self.blocking):
            await client.aclose()
            if isinstance(client, Redis) and isinstance(client.connection_pool, SentinelConnectionPool):
                for sentinel in client.connection_pool.sentinel_manager.sentinels:
                    await sentinel.aclose()


class _Called:
    """Notes a call that is made inside, if it may be made."""

    __slots__ = ("_begun_s", "_breaker", "_note")

    def __init__(self, note: NoteCall, breaker: CircuitBreaker | None) -> None:
        self._note = note
        self._breaker = breaker

    def __enter__(self) -> None:
        if self._breaker is not None:
            self._breaker.admit()
        self._begun_s = perf_counter()

    def __exit__(self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None) -> None:
        if self._breaker is not None:
            self._breaker.note(error)
        # Cancelled: whoever called has waited long enough.
        answered = not isinstance(error, (StoreUnavailable, asyncio.CancelledError))
        self._note(perf_counter() - self._begun_s, answered)


def _names(calls: Sequence[Call]) -> str:
    return ", ".join({call.script.name for call in calls})


def _note_nothing(_seconds: float, _answered: bool) -> None:
    pass


def _evalsha(call: Call, keys: QueueKeys) -> list[Argument]:
    call.script.check((keys.prefix, *call.arguments))
    return ["EVALSHA", call.script.sha, *_tail(call, keys)]


def _eval(call: Call, keys: QueueKeys) -> list[Argument]:
    return ["EVAL", call.script.source, *_tail(call, keys)]


def _tail(call: Call, keys: QueueKeys) -> list[Argument]:
    names = call.script.keys_of(keys)
    return [len(names), *names, keys.prefix, *call.arguments]
