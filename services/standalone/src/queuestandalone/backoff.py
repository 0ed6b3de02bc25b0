"""Restart backoff: exponential delays with jitter."""

from __future__ import annotations

from collections.abc import Callable

INITIAL_S = 1.0
MAX_S = 30.0
RESET_AFTER_S = 60.0


class RestartBackoff:
    """Exponential restart delays with jitter, like a kubelet's CrashLoopBackOff.

    The delay doubles with each exit, from 1 s to 30 s. A process that ran for 60 s resets it.

    Args:
        random: returns values in [0, 1).
        initial_s: upper bound of the first delay, in seconds. Jitter takes off up to half of every delay.
    """

    def __init__(self, random: Callable[[], float], initial_s: float = INITIAL_S) -> None:
        self._random = random
        self._initial_s = initial_s
        self._next_s = initial_s

    def delay_s(self, uptime_s: float) -> float:
        """The delay in seconds before restarting a process that ran for ``uptime_s``."""
        if uptime_s >= RESET_AFTER_S:
            self._next_s = self._initial_s
        upper_s, self._next_s = self._next_s, min(self._next_s * 2, MAX_S)
        return upper_s * (0.5 + self._random() / 2)
