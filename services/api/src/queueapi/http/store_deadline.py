"""Deadline for the store: the time limit of one request's calls.

A server that hangs costs each command its timeout, and some requests need several commands. With one deadline around
them all, callers get their 503 within two seconds.
"""

from __future__ import annotations

import asyncio
from types import TracebackType

from queuecore.errors import StoreUnavailable

STORE_DEADLINE_S = 1.8
"""Slightly less than the two seconds within which requests are answered during an outage of the store."""


class StoreDeadline:
    """Async context manager that bounds the calls inside. It costs less than a generator, and every enqueue has one.

    Raises:
        StoreUnavailable: the deadline passed.
    """

    __slots__ = ("_timeout",)

    def __init__(self) -> None:
        self._timeout = asyncio.timeout(STORE_DEADLINE_S)

    async def __aenter__(self) -> None:
        await self._timeout.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._timeout.__aexit__(kind, error, trace)
        except TimeoutError as timeout:
            raise StoreUnavailable("the store did not answer in time") from timeout
