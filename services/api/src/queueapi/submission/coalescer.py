"""Coalescer: concurrent enqueue requests share calls of the store.

A request that finds no call in flight starts one at once. Requests that arrive during a call wait for it and go out
together in the next. An idle API therefore adds no delay, and a busy one makes one call for many tasks. Where calls
take long, a few of them may be in flight at once.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import Context
from typing import cast

import msgspec

from queuecore.errors import StoreUnavailable
from queuecore.store.tasks.enqueue import AttemptResult, Enqueue, EnqueueResult

EnqueueCall = Callable[[Sequence[Enqueue]], Awaitable[Sequence[EnqueueResult]]]
"""Enqueues many tasks; returns one result per task, in order."""
AttemptCall = Callable[[Sequence[Enqueue]], Awaitable[Sequence[AttemptResult]]]
"""The same, in one attempt."""
SendCall = Callable[[Enqueue], Awaitable[EnqueueResult]]
"""Enqueues one task."""

FLUSH_SIZE = 500
"""Tasks per call."""
BACKLOG_SIZE = 20_000
"""Tasks that may wait for a call."""


class _Waiting(msgspec.Struct, frozen=True):
    request: Enqueue
    result: asyncio.Future[AttemptResult]


class EnqueueCoalescer:
    """Enqueues tasks one by one for its callers, and many at a time in the store.

    Args:
        enqueue: the call of the store.
        max_calls: calls in flight at once.
    """

    def __init__(self, enqueue: AttemptCall, max_calls: int = 1) -> None:
        self._enqueue = enqueue
        self._max_calls = max_calls
        self._waiting: deque[_Waiting] = deque()
        self._flushing: set[asyncio.Task[None]] = set()

    async def enqueue(self, request: Enqueue) -> AttemptResult:
        """Enqueue one task.

        Raises:
            StoreUnavailable: too many tasks are waiting already.
        """
        if len(self._waiting) >= BACKLOG_SIZE:
            raise StoreUnavailable("too many tasks wait to be enqueued")
        result: asyncio.Future[AttemptResult] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(request, result))
        if len(self._flushing) < self._max_calls:
            # In an empty context: the flush belongs to no single request, so it must not join the first one's trace.
            self._flushing.add(asyncio.create_task(self._flush(), context=Context()))
        return await result

    async def _flush(self) -> None:
        try:
            while self._waiting:
                members = [self._waiting.popleft() for _ in range(min(FLUSH_SIZE, len(self._waiting)))]
                if unreachable := await self._call(members):
                    self._refuse(unreachable)
                # One turn of the loop: callers get their results and new requests arrive, so the next call is larger.
                await asyncio.sleep(0)
        finally:
            # Not in a callback of the task, which runs a turn later: a request that arrives in between would wait for
            # a flush that has ended.
            self._flushing.remove(cast("asyncio.Task[None]", asyncio.current_task()))

    async def _call(self, members: Sequence[_Waiting]) -> dict[str, StoreUnavailable]:
        """Enqueue in one call; returns the queues whose store is unreachable, with the error."""
        try:
            results = await self._enqueue([member.request for member in members])
        except Exception as error:  # noqa: BLE001 - each caller gets the error, and the flush goes on for the others
            for member in members:
                if not member.result.done():
                    member.result.set_exception(error)
            if isinstance(error, StoreUnavailable):
                return dict.fromkeys((member.request.task.queue for member in members), error)
            return {}
        for member, result in zip(members, results, strict=True):
            if not member.result.done():
                member.result.set_result(result)
        answered = zip(members, results, strict=True)
        return {member.request.task.queue: each for member, each in answered if isinstance(each, StoreUnavailable)}

    def _refuse(self, unreachable: Mapping[str, StoreUnavailable]) -> None:
        """Fail the waiting requests for unreachable queues; a call of their own would double their wait."""
        waiting, self._waiting = self._waiting, deque()
        for member in waiting:
            error = unreachable.get(member.request.task.queue)
            if error is None:
                self._waiting.append(member)
            elif not member.result.done():
                member.result.set_result(error)
