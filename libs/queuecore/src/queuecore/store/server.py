"""Script calls on a Redis or Valkey server, or on a Cluster of them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, NamedTuple

from redis.asyncio import Redis
from redis.asyncio.cluster import RedisCluster
from redis.exceptions import NoScriptError, RedisError

from queuecore.errors import StoreError
from queuecore.store.failures import translate, translated
from queuecore.store.keys import QueueKeys, queue_keys
from queuecore.store.scripts import Argument, Script

Client = Redis | RedisCluster


class Call(NamedTuple):
    """One call of a script on one queue. The queue's prefix is sent ahead of ``arguments``."""

    script: Script
    queue: str
    arguments: Sequence[Argument] = ()


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
            with translated():
                try:
                    return await self.client.execute_command(*_evalsha(call, keys))
                except NoScriptError:
                    return await self.client.execute_command(*_eval(call, keys))

    async def run_all(self, calls: Sequence[Call]) -> list[Any]:
        """Run scripts in one round trip; on a Cluster side by side.

        Returns:
            Per call what its script returned, or the :class:`~queuecore.errors.StoreError` with which it failed.
        """
        if len(calls) == 1:
            return [await self._run_or_error(calls[0])]
        if isinstance(self.client, Redis):
            return await self._run_pipelined(self.client, calls)
        return await asyncio.gather(*(self._run_or_error(call) for call in calls))

    async def _run_pipelined(self, client: Redis, calls: Sequence[Call]) -> list[Any]:
        pipeline = client.pipeline(transaction=False)
        for call in calls:
            pipeline.execute_command(*_evalsha(call, queue_keys(call.queue)))
        try:
            async with self._permits:
                with translated():
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
            with translated():
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
            with translated():
                return await pipeline.execute()

    async def close(self) -> None:
        """Give all connections back."""
        await self.client.aclose()
        await self.blocking.aclose()


def _evalsha(call: Call, keys: QueueKeys) -> list[Argument]:
    call.script.check((keys.prefix, *call.arguments))
    return ["EVALSHA", call.script.sha, *_tail(call, keys)]


def _eval(call: Call, keys: QueueKeys) -> list[Argument]:
    return ["EVAL", call.script.source, *_tail(call, keys)]


def _tail(call: Call, keys: QueueKeys) -> list[Argument]:
    names = call.script.keys_of(keys)
    return [len(names), *names, keys.prefix, *call.arguments]
