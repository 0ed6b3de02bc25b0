"""Retry policy: the delay before each retry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import msgspec

Curve = Literal["exponential", "linear", "constant"]


class RetryPolicy(msgspec.Struct, frozen=True):
    """The delay before each retry: a bounded curve with jitter, so tasks that fail together do not retry together."""

    curve: Curve = "exponential"
    base_ms: int = 1_000
    """The delay before the first retry."""
    factor: float = 2.0
    """Exponential: the ratio of consecutive delays."""
    max_ms: int = 900_000
    """The longest delay."""
    jitter: float = 0.2
    """0 to 1: a delay is scaled by a random factor from ``1 - jitter`` to ``1 + jitter``, then bounded."""

    def delay_ms(self, retry_number: int, random: Callable[[], float]) -> int:
        """The delay before a retry.

        Args:
            retry_number: 1 for the first retry.
            random: returns values from 0 (included) to 1 (excluded).
        """
        scale = 1 + self.jitter * (2 * random() - 1)
        return round(min(self._plain_ms(retry_number) * scale, self.max_ms))

    def _plain_ms(self, retry_number: int) -> float:
        match self.curve:
            case "constant":
                return self.base_ms
            case "linear":
                return self.base_ms * retry_number
            case "exponential":
                try:
                    return float(min(self.base_ms * self.factor ** (retry_number - 1), self.max_ms))
                except OverflowError:
                    return self.max_ms
