"""The loop of a background role."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import NoReturn

import structlog

from queuecore.domain.backoff import Backoff
from queuecore.errors import StoreError

log = structlog.get_logger()


async def run_ticks(tick: Callable[[], Awaitable[float]], backoff: Backoff, failure: str) -> NoReturn:
    """Call ``tick`` until cancelled, and wait between the calls.

    Args:
        tick: does the work of the role once; returns the seconds until the next tick, or raises a
            :class:`~queuecore.errors.StoreError`.
        backoff: between ticks while they fail.
        failure: the event that is logged for a failed tick.
    """
    while True:
        try:
            pause_s = await tick()
            backoff.succeed()
        except StoreError as error:
            pause_s = backoff.fail()
            log.warning(failure, error=str(error), retry_in_s=round(pause_s, 3))
        await asyncio.sleep(pause_s)
