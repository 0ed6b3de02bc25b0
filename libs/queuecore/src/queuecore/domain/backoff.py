"""How long to leave a store alone that does not answer."""

from __future__ import annotations

from collections.abc import Callable

FIRST_S = 0.1
LONGEST_S = 2.0


class Backoff:
    """Waiting times that double, with jitter: many workers must not come back in step.

    Args:
        random: returns values from 0 (included) to 1 (excluded).
    """

    def __init__(self, random: Callable[[], float]) -> None:
        self._random = random
        self._next_s = FIRST_S

    def fail(self) -> float:
        """How many seconds to wait after one more failure."""
        longest, self._next_s = self._next_s, min(self._next_s * 2, LONGEST_S)
        return longest * (0.5 + self._random() / 2)

    def succeed(self) -> None:
        """Start from the shortest time again."""
        self._next_s = FIRST_S

    def another(self) -> Backoff:
        """A fresh one of the same kind."""
        return Backoff(self._random)
