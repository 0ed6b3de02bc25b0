"""Exponential backoff for calls to an unreachable store."""

from __future__ import annotations

from collections.abc import Callable

FIRST_S = 0.1
LONGEST_S = 2.0


class Backoff:
    """Delays that double, with jitter: many workers must not retry in step.

    Args:
        random: returns values from 0 (included) to 1 (excluded).
    """

    def __init__(self, random: Callable[[], float]) -> None:
        self._random = random
        self._next_s = FIRST_S

    def fail(self) -> float:
        """The delay after one more failure, in seconds."""
        longest, self._next_s = self._next_s, min(self._next_s * 2, LONGEST_S)
        return longest * (0.5 + self._random() / 2)

    def succeed(self) -> None:
        """Reset to the shortest delay."""
        self._next_s = FIRST_S

    def another(self) -> Backoff:
        """A new backoff with the same source of randomness."""
        return Backoff(self._random)
