"""Limits of a queue, beyond which it refuses new tasks."""

from __future__ import annotations

import msgspec


class QueueLimits(msgspec.Struct, frozen=True):
    """Limits of a queue; ``None``: no limit."""

    max_depth: int | None = None
    """Tasks that may wait: pending, scheduled and retry."""
    max_bytes: int | None = None
    """Total size of the envelopes of all tasks, retained ended tasks included."""

    def over(self, defaults: QueueLimits) -> QueueLimits:
        """These limits, with ``defaults`` for the missing ones."""
        return QueueLimits(
            defaults.max_depth if self.max_depth is None else self.max_depth,
            defaults.max_bytes if self.max_bytes is None else self.max_bytes,
        )


def write_limit(limit: int | None) -> int:
    """A limit as scripts take it: -1 for none."""
    return -1 if limit is None else limit


def read_limit(number: int) -> int | None:
    """A limit as scripts return it: negative for none."""
    return None if number < 0 else number
