"""Circuit breaker for an unreachable store.

Without it, each call during an outage waits for the full timeout, and the rate of connection attempts grows with the
number of callers.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from redis.exceptions import ResponseError

from queuecore.errors import StoreUnavailable

PAUSE_S = 0.2
"""The time for which calls are refused after a failed one."""


class CircuitBreaker:
    """Admits calls while the store answers.

    A call without an answer opens the breaker: further calls are refused at once for :data:`PAUSE_S`. Then one call is
    admitted as a probe. Its answer closes the breaker; without an answer the next pause begins.

    Args:
        clock: the monotonic clock, in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._open_until_s: float | None = None
        self._is_probed = False

    def admit(self) -> None:
        """Admit a call, whose outcome the caller reports to :meth:`note`.

        Raises:
            StoreUnavailable: the breaker is open.
        """
        if self._open_until_s is None:
            return
        if self._is_probed or self._clock() < self._open_until_s:
            raise StoreUnavailable("the store did not answer a moment ago")
        self._is_probed = True

    def note(self, error: BaseException | None) -> None:
        """Record the outcome of a call.

        Args:
            error: its error; ``None`` for an answer. An error reply of the server is an answer, too.
        """
        probed, self._is_probed = self._is_probed, False
        if (isinstance(error, StoreUnavailable) and not isinstance(error.__cause__, ResponseError)) or (
            probed and isinstance(error, asyncio.CancelledError)
        ):
            self._open_until_s = self._clock() + PAUSE_S
        elif not isinstance(error, asyncio.CancelledError):
            self._open_until_s = None
