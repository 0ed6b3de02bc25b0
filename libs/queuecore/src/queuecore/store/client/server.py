"""Script calls and commands on a Redis or Valkey server, or on a Cluster of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from time import perf_counter
from types import TracebackType
from typing import Any, NamedTuple

from redis.asyncio import Redis
from redis.asyncio.cluster import ClusterNode, RedisCluster
from redis.asyncio.sentinel import SentinelConnectionPool
from redis.exceptions import NoScriptError, RedisError

from queuecore.errors import StoreError, StoreUnavailable
from queuecore.store.client.circuit_breaker import CircuitBreaker
from queuecore.store.client.cluster import ClusterClient
from queuecore.store.client.errors import translate, translated
from queuecore.store.client.tracing import call_span
from queuecore.store.result import Result
from queuecore.store.scripts.call import Argument, Call

Client = Redis | RedisCluster

ROUND_TRIP_BYTES = 1024 * 1024
"""Bytes that are sent before their replies are awaited. A call that fails must not repeat more than this."""

NoteCall = Callable[[float, bool], None]
"""Takes the duration of a call, in seconds, and whether the store answered."""


class BatchReply(NamedTuple):
    """The replies of :meth:`Server.run_with_infos`."""

    scripts: list[Result[Any]]
    """One per script call."""
    commands: list[Any]
    """One per command."""
    infos: Result[list[dict[str, Any]]]
    """INFO of the server, on a Cluster of each primary."""


class Server:
    """Runs scripts and commands.

    Args:
        client: for commands that are answered at once.
        blocking: for commands that block on the server; it has no read timeout.
        max_calls: calls in flight at once, each on its own connection; further calls wait.
        timeout_ms: the read timeout of ``client``.
    """

    def __init__(self, client: Client, blocking: Client, max_calls: int, timeout_ms: int) -> None:
        self.client = client
        self.blocking = blocking
        self.timeout_ms = timeout_ms
        self._permits = asyncio.Semaphore(max_calls)
        self._note_call: NoteCall = _note_nothing
        self._breaker: CircuitBreaker | None = None

    def watch(self, note_call: NoteCall) -> None:
        """Report each further call to ``note_call``, except the blocking ones."""
        self._note_call = note_call

    def fail_fast(self) -> None:
        """Refuse calls at once during an outage of the store, see :class:`CircuitBreaker`.

        On a Cluster this does nothing: an outage of one node does not affect the others.
        """
        if not self.is_cluster:
            self._breaker = CircuitBreaker()

    @property
    def is_cluster(self) -> bool:
        """True when keys of different queues may be on different servers."""
        return isinstance(self.client, RedisCluster)

    async def run(self, call: Call) -> Any:
        """Run one script; its reply.

        Raises:
            StoreError: see :mod:`queuecore.errors`.
        """
        async with self._permits:
            with call_span("EVALSHA", call.script.name), self._called(), translated():
                try:
                    return await self.client.execute_command(*evalsha_command(call))
                except NoScriptError:
                    return await self.client.execute_command(*eval_command(call))

    async def run_all(self, calls: Sequence[Call]) -> list[Result[Any]]:
        """Run scripts in one round trip, on a Cluster concurrently per queue. Calls on one queue keep their order.

        Large calls take a round trip per :data:`ROUND_TRIP_BYTES`. Once the store does not answer one, the calls that
        follow it are not sent.

        Returns:
            The reply of each call.
        """
        if len(calls) == 1:
            return [await self._run_or_error(calls[0])]
        if isinstance(self.client, Redis):
            return await self._run_pipelined(self.client, calls)
        return await self._run_concurrently(calls)

    async def _run_concurrently(self, calls: Sequence[Call]) -> list[Result[Any]]:
        replies: list[Result[Any]] = [None] * len(calls)

        async def run_in_order(queue: str) -> None:
            unanswered: StoreUnavailable | None = None
            for place, call in enumerate(calls):
                if call.queue == queue:
                    replies[place] = reply = unanswered or await self._run_or_error(call)
                    if isinstance(reply, StoreUnavailable):
                        unanswered = reply

        await asyncio.gather(*(run_in_order(queue) for queue in {call.queue for call in calls}))
        return replies

    async def _run_pipelined(self, client: Redis, calls: Sequence[Call]) -> list[Result[Any]]:
        replies: list[Result[Any]] = []
        while len(replies) < len(calls):
            sent = first_round_trip(calls[len(replies) :])
            replies += await self._send_pipeline(client, sent)
            if isinstance(replies[-1], StoreUnavailable):
                replies += [replies[-1]] * (len(calls) - len(replies))
        return replies

    async def _send_pipeline(self, client: Redis, calls: Sequence[Call]) -> list[Result[Any]]:
        pipeline = client.pipeline(transaction=False)
        for call in calls:
            pipeline.execute_command(*evalsha_command(call))
        try:
            async with self._permits:
                with call_span("EVALSHA", _names(calls), len(calls)), self._called(), translated():
                    replies = await pipeline.execute(raise_on_error=False)
        except StoreError as error:
            return [error] * len(calls)
        return [await self._completed(call, reply) for call, reply in zip(calls, replies, strict=True)]

    async def _completed(self, call: Call, reply: object) -> Result[Any]:
        """The result of a pipelined call; a script that the server does not know yet is sent."""
        if isinstance(reply, NoScriptError):
            return await self._run_or_error(call)
        return translate(reply) if isinstance(reply, RedisError) else reply

    async def _run_or_error(self, call: Call) -> Result[Any]:
        try:
            return await self.run(call)
        except StoreError as error:
            return error

    async def command(self, *parts: Argument) -> Any:
        """Run one command; its reply.

        Raises:
            StoreError: see :mod:`queuecore.errors`.
        """
        async with self._permits:
            with call_span(str(parts[0])), self._called(), translated():
                return await self.client.execute_command(*parts)

    async def commands(self, commands: Sequence[Sequence[Argument]]) -> list[Any]:
        """Run commands in one round trip, on a Cluster in one per server; the reply of each.

        Raises:
            StoreError: one of them failed; the others may have succeeded.
        """
        pipeline = self.client.pipeline(transaction=False)
        for parts in commands:
            pipeline.execute_command(*parts)
        async with self._permits:
            with call_span("PIPELINE", commands=len(commands)), self._called(), translated():
                return await pipeline.execute()

    async def exchange(self, key: str, commands: Sequence[Sequence[Argument]]) -> list[Any]:
        """Run commands in one write on one connection to the server of a key; the reply or error reply of each.

        They run again after a lost connection, and on a Cluster after a redirection.

        Raises:
            StoreError: the server did not answer.
        """
        client = self.client
        async with self._permits:
            with call_span("PIPELINE", commands=len(commands)), self._called(), translated():
                if isinstance(client, ClusterClient):
                    return await client.exchange(key, commands)
                pipeline = client.pipeline(transaction=False)
                for parts in commands:
                    pipeline.execute_command(*parts)
                return await pipeline.execute(raise_on_error=False)

    async def ask_primaries(self, *parts: Argument) -> dict[str, Result[Any]]:
        """Run a command on the server, on a Cluster on each primary.

        Returns:
            The name of each server, and its reply or error.
        """
        client = self.client
        if isinstance(client, Redis):
            return {_name(client): await self._command_or_error(client, parts)}
        try:
            with translated():
                await client.initialize()
        except StoreError as error:
            return {"the cluster": error}
        nodes = client.get_primaries()
        replies = await asyncio.gather(*(self._command_or_error(node, parts) for node in nodes))
        return dict(zip((node.name for node in nodes), replies, strict=True))

    async def _command_or_error(self, target: Redis | ClusterNode, parts: Sequence[Argument]) -> Result[Any]:
        try:
            async with self._permits:
                with self._called(), translated():
                    return await target.execute_command(*parts)
        except StoreError as error:
            return error

    async def run_with_infos(self, calls: Sequence[Call], commands: Sequence[Sequence[Argument]]) -> BatchReply:
        """Run scripts and commands, and read INFO, in one round trip; on a Cluster concurrently.

        Raises:
            StoreError: the store did not answer, or refused a command.
        """
        if not isinstance(self.client, Redis):
            scripts, plain, infos = await asyncio.gather(
                self._run_concurrently(calls), self.commands(commands), self._infos(self.client)
            )
            return BatchReply(scripts, plain, infos)
        pipeline = self.client.pipeline(transaction=False)
        for call in calls:
            pipeline.execute_command(*evalsha_command(call))
        for parts in commands:
            pipeline.execute_command(*parts)
        pipeline.execute_command("INFO")
        async with self._permits:
            with self._called(), translated():
                *replies, info = await pipeline.execute(raise_on_error=False)
        scripts = [await self._completed(call, reply) for call, reply in zip(calls, replies, strict=False)]
        plain = replies[len(calls) :]
        for reply in plain:
            if isinstance(reply, RedisError):
                raise translate(reply)
        return BatchReply(scripts, plain, translate(info) if isinstance(info, RedisError) else [info])

    async def infos(self) -> Result[list[dict[str, Any]]]:
        """INFO of the server, on a Cluster of each primary."""
        if isinstance(self.client, Redis):
            try:
                return [await self.command("INFO")]
            except StoreError as error:
                return error
        return await self._infos(self.client)

    async def _infos(self, cluster: RedisCluster) -> Result[list[dict[str, Any]]]:
        try:
            async with self._permits:
                with self._called(), translated():
                    replies = await cluster.info(target_nodes="primaries")
        except StoreError as error:
            return error
        return list(replies.values())

    def _called(self) -> _Called:
        return _Called(self._note_call, self._breaker)

    async def close(self) -> None:
        """Close all connections."""
        for client in (self.client, self.blocking):
            await client.aclose()
            if isinstance(client, Redis) and isinstance(client.connection_pool, SentinelConnectionPool):
                for sentinel in client.connection_pool.sentinel_manager.sentinels:
                    await sentinel.aclose()


class _Called:
    """Around one call: asks the circuit breaker, and notes duration and outcome."""

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
        # A cancelled call counts as unanswered: its caller has stopped waiting.
        answered = not isinstance(error, (StoreUnavailable, asyncio.CancelledError))
        self._note(perf_counter() - self._begun_s, answered)


def first_round_trip(calls: Sequence[Call]) -> Sequence[Call]:
    """The first calls, which are sent at once: those within :data:`ROUND_TRIP_BYTES`, at least one."""
    total = 0
    for place, call in enumerate(calls):
        total += call.size
        if place and total > ROUND_TRIP_BYTES:
            return calls[:place]
    return calls


def _name(client: Redis) -> str:
    pool = client.connection_pool
    if isinstance(pool, SentinelConnectionPool):
        return f"the primary of {pool.service_name}"
    return f"{pool.connection_kwargs['host']}:{pool.connection_kwargs['port']}"


def _names(calls: Sequence[Call]) -> str:
    return ", ".join({call.script.name for call in calls})


def _note_nothing(_seconds: float, _answered: bool) -> None:
    pass


def evalsha_command(call: Call) -> tuple[Argument, ...]:
    """The command that runs a script which the server knows."""
    return ("EVALSHA", call.script.sha, len(call.keys), *call.keys, *call.arguments)


def eval_command(call: Call) -> tuple[Argument, ...]:
    """The command that sends a script and runs it."""
    return ("EVAL", call.script.source, len(call.keys), *call.keys, *call.arguments)
