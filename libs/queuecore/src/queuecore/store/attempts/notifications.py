"""Notifications of the store: wake-ups of idle workers, earlier due times, cancellations of running tasks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import NamedTuple

from queuecore.errors import StoreUnavailable
from queuecore.store.client.errors import translated
from queuecore.store.client.server import Server
from queuecore.store.scripts.keys import CANCEL_CHANNEL, DUE_CHANNEL, queue_keys

ANSWER_GRACE_S = 2.0
"""Time after the timeout of a blocking command until its connection counts as lost."""


class CancelRequest(NamedTuple):
    """A request to cancel a running task."""

    queue: str
    task_id: str


class Notifications:
    """Receives the store's notifications."""

    def __init__(self, server: Server) -> None:
        self._server = server

    async def wait_for_work(self, queues: Sequence[str], timeout_s: float) -> list[str]:
        """Block until a task becomes pending in one of ``queues``. One enqueue wakes one waiter.

        Returns:
            The queues of which a wake-up arrived; none after ``timeout_s``.

        Raises:
            StoreUnavailable: the connection was lost.
        """
        wakes = {queue_keys(queue).wake: queue for queue in queues}
        if self._server.is_cluster:
            woken = await self._first_of(list(wakes), timeout_s)
        else:
            woken = await self._pop(list(wakes), timeout_s)
        return [wakes[key] for key in woken]

    async def sleep_until_pending(self, queues: Sequence[str], poll_s: float) -> list[str]:
        """Block until a task becomes pending in one of ``queues``, or a poll every ``poll_s`` seconds finds one.

        The poll covers lost wake-ups: a worker that received one may have died before it leased the task.

        Returns:
            The queues of which a wake-up arrived, or those that the poll found.

        Raises:
            StoreError: see :mod:`queuecore.errors`.
        """
        while True:
            if found := await self.wait_for_work(queues, poll_s) or await self.find_pending(queues):
                return found

    async def find_pending(self, queues: Sequence[str]) -> list[str]:
        """Find the queues with pending tasks: one small command if there are none, else one more round trip.

        Raises:
            StoreError: see :mod:`queuecore.errors`.
        """
        if not self._server.is_cluster and not await self.any_pending(queues):
            return []
        found = await self._server.commands([("EXISTS", queue_keys(queue).pending) for queue in queues])
        return [queue for queue, exists in zip(queues, found, strict=True) if exists]

    async def any_pending(self, queues: Sequence[str]) -> bool:
        """Check for pending tasks in any of ``queues``, with one command, on a Cluster with one per queue.

        Raises:
            StoreError: see :mod:`queuecore.errors`.
        """
        keys = [queue_keys(queue).pending for queue in queues]
        if self._server.is_cluster:
            return any(await self._server.commands([("EXISTS", key) for key in keys]))
        return bool(await self._server.command("EXISTS", *keys))

    async def _pop(self, wakes: Sequence[str], timeout_s: float) -> list[str]:
        with translated():
            try:
                async with asyncio.timeout(timeout_s + ANSWER_GRACE_S):
                    reply = await self._server.blocking.execute_command("BLPOP", *wakes, timeout_s)
                    return [reply[0].decode()] if reply else []
            except TimeoutError as error:
                raise StoreUnavailable("a blocking read was not answered") from error

    async def _first_of(self, wakes: Sequence[str], timeout_s: float) -> list[str]:
        """Block on queues that may be on different nodes of a Cluster."""
        waits = [asyncio.ensure_future(self._pop([wake], timeout_s)) for wake in wakes]
        try:
            done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            return [key for each in done for key in each.result()]
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)

    async def due_queues(self) -> AsyncGenerator[str, None]:
        """The names of queues whose earliest due time has moved forward, as it happens.

        Raises:
            StoreUnavailable: the subscription was lost; messages may be missing.
        """
        async for message in self._messages(DUE_CHANNEL):
            yield message

    async def cancels(self) -> AsyncGenerator[CancelRequest, None]:
        """Requests to cancel running tasks, of all queues, as they happen.

        Raises:
            StoreUnavailable: the subscription was lost; messages may be missing.
        """
        async for message in self._messages(CANCEL_CHANNEL):
            queue, _, task_id = message.partition(" ")
            yield CancelRequest(queue, task_id)

    async def _messages(self, channel: str) -> AsyncGenerator[str, None]:
        subscribed = False
        with translated():
            # A Cluster's client loads the nodes with its first command, and a subscription is none.
            client = await self._server.blocking.initialize()
            subscription = client.pubsub()
            try:
                await subscription.subscribe(channel)
                async for message in subscription.listen():
                    if message["type"] == "message":
                        yield message["data"].decode(errors="replace")
                    elif subscribed:
                        # The client has reconnected by itself without an error.
                        raise StoreUnavailable("the subscription was cut")
                    subscribed = True
            finally:
                await subscription.aclose()
