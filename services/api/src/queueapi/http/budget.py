"""Byte budget: bounds the bytes that requests hold in one process at once."""

from __future__ import annotations

SMALL_BODY_BYTES = 64 * 1024
"""Bodies up to this size may use the whole budget."""


class ByteBudget:
    """Counts bytes in flight.

    Large bodies leave a quarter of the budget to small ones: clients that withhold the end of large bodies cannot shut
    out ordinary requests.

    Args:
        limit_bytes: the budget.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._large_limit_bytes = limit_bytes - limit_bytes // 4
        self.taken_bytes = 0

    def take(self, part_bytes: int, body_bytes: int) -> bool:
        """Take a part of a body.

        Args:
            part_bytes: size of the part.
            body_bytes: size of the body so far, this part included.

        Returns:
            Whether the budget allows it; nothing is taken otherwise.
        """
        limit_bytes = self._limit_bytes if body_bytes <= SMALL_BODY_BYTES else self._large_limit_bytes
        if self.taken_bytes + part_bytes > limit_bytes:
            return False
        self.taken_bytes += part_bytes
        return True

    def release(self, size_bytes: int) -> None:
        """Give bytes back."""
        self.taken_bytes -= size_bytes
