"""How much a queue takes in before it refuses more."""

from __future__ import annotations

import msgspec


class QueueLimits(msgspec.Struct, frozen=True):
    """Limits of a queue; ``None``: none."""

    max_depth: int | None = None
    """Tasks that may wait: pending, scheduled and retry."""
    max_bytes: int | None = None
    """Bytes that the envelopes of all tasks may take, ended ones that are kept included."""

    def over(self, defaults: QueueLimits) -> QueueLimits:
        """These, and where one is missing that of ``defaults``."""
        return QueueLimits(
            defaults.max_depth if self.max_depth is None else self.max_depth,
            defaults.max_bytes if self.max_bytes is None else self.max_bytes,
        )


def write_limit(limit: int | None) -> int:
    """As the scripts take it."""
    return -1 if limit is None else limit


def read_limit(number: int) -> int | None:
    """As the scripts give it."""
    return None if number < 0 else number
