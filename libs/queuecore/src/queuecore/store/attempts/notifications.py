"""Waiting for something to happen in the store, without asking again and again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import NamedTuple

from queuecore.errors import StoreUnavailable
from queuecore.store.client.errors import translated
from queuecore.store.client.server import Server
from queuecore.store.scripts.keys import CANCEL_CHANNEL, DUE_CHANNEL, queue_keys

ANSWER_GRACE_S = 2.0
"""How much later than asked a blocking command may answer before its connection counts as dead."""


class CancelRequest(NamedTuple):
    """Somebody asked for the cancel of a running task."""

    queue: str
    task_id: str


class Notifications:
    """Receives the store's notifications."""

    def __init__(self, server: Server) -> None:
        self._server = server

    async def wait_for_work(self, queues: Sequence[str], timeout_s: float) -> bool:
        """Sleep until a task becomes pending in one of ``queues``. One enqueue wakes one sleeper.

        Returns:
            Whether it was woken; ``False`` after ``timeout_s``.

        Raises:
            StoreUnavailable: the connection was lost.
        """
        wakes = [queue_keys(queue).wake for queue in queues]
        if self._server.is_cluster:
            return await self._first_of(wakes, timeout_s)
        return await self._pop(wakes, timeout_s)

    async def sleep_until_pending(self, queues: Sequence[str], look_s: float) -> None:
        """Sleep until a task becomes pending in one of ``queues``, or a look every ``look_s`` seconds finds one.

        The look is the safety net: who was woken for a task may have died of it.

        Raises:
            StoreError: see :mod:`queuecore.errors`.
        """
        while not (await self.wait_for_work(queues, look_s) or await self.any_pending(queues)):
            pass

    async def any_pending(self, queues: Sequence[str]) -> bool:
        """Whether one of ``queues`` has pending tasks, at the cost of one command for all (on a Cluster, one for each).

        Raises:
            StoreError: see :mod:`queuecore.errors`.
        """
        keys = [queue_keys(queue).pending for queue in queues]
        if self._server.is_cluster:
            return any(await self._server.commands([("EXISTS", key) for key in keys]))
        return bool(await self._server.command("EXISTS", *keys))

    async def _pop(self, wakes: Sequence[str], timeout_s: float) -> bool:
        with translated():
            try:
                async with asyncio.timeout(timeout_s + ANSWER_GRACE_S):
                    return await self._server.blocking.execute_command("BLPOP", *wakes, timeout_s) is not None
            except TimeoutError as error:
                raise StoreUnavailable("a blocking read was not answered") from error

    async def _first_of(self, wakes: Sequence[str], timeout_s: float) -> bool:
        """Sleep on queues that may lie on different servers of a Cluster."""
        waits = [asyncio.ensure_future(self._pop([wake], timeout_s)) for wake in wakes]
        try:
            done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            return any(each.result() for each in done)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

    async def due_queues(self) -> AsyncGenerator[str, None]:
        """The names of queues whose earliest due time has come nearer, as it happens.

        Raises:
            StoreUnavailable: the subscription was lost; what happened since is unknown.
        """
        async for message in self._messages(DUE_CHANNEL):
            yield message

    async def cancels(self) -> AsyncGenerator[CancelRequest, None]:
        """Cancels of running tasks, of all queues, as they happen.

        Raises:
            StoreUnavailable: the subscription was lost; what happened since is unknown.
        """
        async for message in self._messages(CANCEL_CHANNEL):
            queue, _, task_id = message.partition(" ")
            yield CancelRequest(queue, task_id)

    async def _messages(self, channel: str) -> AsyncGenerator[str, None]:
        subscribed = False
        with translated():
            # Before its first command a Cluster's client does not know its nodes, and a subscription does not ask.
            client = await self._server.blocking.initialize()
            subscription = client.pubsub()
            try:
                await subscription.subscribe(channel)
                async for message in subscription.listen():
                    if message["type"] == "message":
                        yield message["data"].decode()
                    elif subscribed:
                        # The client has connected again by itself, without a word.
                        raise StoreUnavailable("the subscription was cut")
                    subscribed = True
            finally:
                await subscription.aclose()
