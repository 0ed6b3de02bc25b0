"""The longest that a request waits for the store.

A server that hangs costs each command its timeout, and some requests need several. Callers get their 503 in time all
the same, so that they can act on it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from queuecore.errors import StoreUnavailable

STORE_DEADLINE_S = 1.8
"""A little under the two seconds within which a request is answered while the store is away."""


@asynccontextmanager
async def store_deadline() -> AsyncIterator[None]:
    """Bound what is done inside.

    Raises:
        StoreUnavailable: the deadline passed.
    """
    try:
        async with asyncio.timeout(STORE_DEADLINE_S):
            yield
    except TimeoutError as error:
        raise StoreUnavailable("the store did not answer in time") from error
