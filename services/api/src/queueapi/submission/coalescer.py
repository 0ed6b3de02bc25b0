"""Many requests, few calls of the store.

A request that finds no call under way starts one at once. Those that come meanwhile wait for it and go out together
in the next. So an idle api adds no delay, and a busy one asks the store once for many tasks.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import Context
from typing import NamedTuple

from queuecore.errors import StoreUnavailable
from queuecore.store.tasks.enqueue import Enqueue, EnqueueResult

EnqueueCall = Callable[[Sequence[Enqueue]], Awaitable[Sequence[EnqueueResult]]]
SendCall = Callable[[Enqueue], Awaitable[EnqueueResult]]
"""Enqueues one task."""

FLUSH_SIZE = 500
"""Tasks per call."""
BACKLOG_SIZE = 20_000
"""Tasks that may wait for a call."""


class _Waiting(NamedTuple):
    request: Enqueue
    outcome: asyncio.Future[EnqueueResult]


class EnqueueCoalescer:
    """Enqueues tasks one by one for its callers, many at a time for the store.

    Args:
        enqueue: the store's call.
    """

    def __init__(self, enqueue: EnqueueCall) -> None:
        self._enqueue = enqueue
        self._waiting: deque[_Waiting] = deque()
        self._flushing: asyncio.Task[None] | None = None

    async def enqueue(self, request: Enqueue) -> EnqueueResult:
        """Enqueue one task; what the store's call answers for it.

        Raises:
            StoreUnavailable: too many tasks wait already.
        """
        if len(self._waiting) >= BACKLOG_SIZE:
            raise StoreUnavailable("too many tasks wait to be enqueued")
        outcome: asyncio.Future[EnqueueResult] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(request, outcome))
        if self._flushing is None:
            # In a context of its own, and not of the request that happens to be the first.
            self._flushing = asyncio.create_task(self._flush(), context=Context())
        return await outcome

    async def _flush(self) -> None:
        try:
            while self._waiting:
                members = [self._waiting.popleft() for _ in range(min(FLUSH_SIZE, len(self._waiting)))]
                if away := await self._call(members):
                    self._refuse(away)
                # Lets the answers go out and what has arrived come in, so that the next call is a larger one.
                await asyncio.sleep(0)
        finally:
            self._flushing = None

    async def _call(self, members: Sequence[_Waiting]) -> dict[str, StoreUnavailable]:
        """Enqueue together; the queues whose store did not answer."""
        try:
            outcomes = await self._enqueue([member.request for member in members])
        except Exception as error:  # noqa: BLE001 - each caller is told, and the flush goes on for the others
            for member in members:
                if not member.outcome.done():
                    member.outcome.set_exception(error)
            if isinstance(error, StoreUnavailable):
                return dict.fromkeys((member.request.task.queue for member in members), error)
            return {}
        for member, outcome in zip(members, outcomes, strict=True):
            if not member.outcome.done():
                member.outcome.set_result(outcome)
        answered = zip(members, outcomes, strict=True)
        return {member.request.task.queue: each for member, each in answered if isinstance(each, StoreUnavailable)}

    def _refuse(self, away: Mapping[str, StoreUnavailable]) -> None:
        """Tell those who wait for the same queues: after a call of their own they would have waited twice as long."""
        waiting, self._waiting = self._waiting, deque()
        for member in waiting:
            error = away.get(member.request.task.queue)
            if error is None:
                self._waiting.append(member)
            elif not member.outcome.done():
                member.outcome.set_result(error)
