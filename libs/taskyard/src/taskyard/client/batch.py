"""Batches as streams: the handles of many requests, which are sent while the handles are read."""

from __future__ import annotations

import warnings
from collections.abc import AsyncIterator, Iterator
from typing import Generic, Self

from typing_extensions import TypeVar

from taskyard.client.handle import Handle, SyncHandle

R = TypeVar("R")

_UNREAD = "the batch was never read, so no task was enqueued: iterate over it, or call send_all()"


class Batch(Generic[R], Iterator[SyncHandle[R]]):
    """The handles of the tasks of a batch, in the order of the requests.

    Nothing is sent before the first handle is read; a batch that nobody reads causes a warning.

    Args:
        handles: sends the requests in chunks.
    """

    def __init__(self, handles: Iterator[SyncHandle[R]]) -> None:
        self._handles = handles
        self._is_read = False

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> SyncHandle[R]:
        self._is_read = True
        return next(self._handles)

    def send_all(self) -> int:
        """Send the rest of the batch; returns the number of tasks enqueued by this call."""
        return sum(1 for _ in self)

    def __del__(self) -> None:
        if not self._is_read:
            warnings.warn(_UNREAD, RuntimeWarning, stacklevel=2)


class AsyncBatch(Generic[R], AsyncIterator[Handle[R]]):
    """As :class:`Batch`, for coroutines.

    Args:
        handles: sends the requests in chunks.
    """

    def __init__(self, handles: AsyncIterator[Handle[R]]) -> None:
        self._handles = handles
        self._is_read = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Handle[R]:
        self._is_read = True
        return await anext(self._handles)

    async def send_all(self) -> int:
        """Send the rest of the batch; returns the number of tasks enqueued by this call."""
        count = 0
        async for _ in self:
            count += 1
        return count

    def __del__(self) -> None:
        if not self._is_read:
            warnings.warn(_UNREAD, RuntimeWarning, stacklevel=2)
