"""Leaving a store alone that is away.

Without it, every caller waits in vain for as long as a call may take, one after the other, and knocks at a closed
door as often as callers come.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from redis.exceptions import ResponseError

from queuecore.errors import StoreUnavailable

PAUSE_S = 0.2
"""How long nobody calls after a call has failed."""


class CircuitBreaker:
    """Lets calls through as long as the store answers.

    After a call in vain all others are refused at once for a moment. Then one is let through to see whether the store
    is back: with its answer all are again, else the next moment begins.

    Args:
        clock: the monotonic clock, in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._open_until_s: float | None = None
        self._is_probed = False

    def admit(self) -> None:
        """Take a call in; :meth:`note` is to be told how it ended.

        Raises:
            StoreUnavailable: not now.
        """
        if self._open_until_s is None:
            return
        if self._is_probed or self._clock() < self._open_until_s:
            raise StoreUnavailable("the store was away a moment ago")
        self._is_probed = True

    def note(self, error: BaseException | None) -> None:
        """Hear how a call has ended.

        Args:
            error: what it ended in; ``None`` for an answer. An error that the server itself has told is an answer too.
        """
        probed, self._is_probed = self._is_probed, False
        if (isinstance(error, StoreUnavailable) and not isinstance(error.__cause__, ResponseError)) or (
            probed and isinstance(error, asyncio.CancelledError)
        ):
            self._open_until_s = self._clock() + PAUSE_S
        elif not isinstance(error, asyncio.CancelledError):
            self._open_until_s = None
