"""How long a process that died stays dead."""

from __future__ import annotations

from collections.abc import Callable

FIRST_S = 1.0
LONGEST_S = 30.0
HEALTHY_AFTER_S = 60.0


class RestartDelay:
    """Delays that double with each death, as a kubelet's do, with jitter.

    They grow from 1 s to 30 s; a process that has run for 60 s begins anew.

    Args:
        random: returns values from 0 (included) to 1 (excluded).
        first_s: the longest that the first delay may be; at the least it is half of that, as for all others.
    """

    def __init__(self, random: Callable[[], float], first_s: float = FIRST_S) -> None:
        self._random = random
        self._first_s = first_s
        self._next_s = first_s

    def after(self, ran_s: float) -> float:
        """Seconds to wait after a process has died that had run for ``ran_s``."""
        if ran_s >= HEALTHY_AFTER_S:
            self._next_s = self._first_s
        longest_s, self._next_s = self._next_s, min(self._next_s * 2, LONGEST_S)
        return longest_s * (0.5 + self._random() / 2)
