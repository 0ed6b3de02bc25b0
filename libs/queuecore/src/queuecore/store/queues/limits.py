"""Limits of a queue, beyond which it refuses new tasks, and the durability of those that it accepts."""

from __future__ import annotations

import msgspec

from queuecore.domain.durability import Durability, parse_durability
from queuecore.errors import InvalidField


class QueueLimits(msgspec.Struct, frozen=True):
    """Limits of a queue; ``None``: not set."""

    max_depth: int | None = None
    """Tasks that may wait: pending, scheduled and retry."""
    max_bytes: int | None = None
    """Total size of the envelopes of all tasks, retained ended tasks included, and of live idempotency keys."""
    durability: Durability | None = None
    """The copies of a task before its enqueue is acknowledged."""

    def over(self, defaults: QueueLimits) -> QueueLimits:
        """These limits, with ``defaults`` for the missing ones."""
        return QueueLimits(
            defaults.max_depth if self.max_depth is None else self.max_depth,
            defaults.max_bytes if self.max_bytes is None else self.max_bytes,
            self.durability or defaults.durability,
        )


def write_limit(limit: int | None) -> int:
    """A limit as scripts take it: -1 for none."""
    return -1 if limit is None else limit


def read_limit(number: int) -> int | None:
    """A limit as scripts return it: negative for none."""
    return None if number < 0 else number


def write_durability(durability: Durability | None) -> str:
    """A durability as scripts take it: empty for none."""
    return "" if durability is None else str(durability)


def read_durability(text: bytes) -> Durability | None:
    """A durability as scripts return it. A level that only a newer release knows is left out."""
    try:
        return parse_durability(text.decode(errors="replace")) if text else None
    except InvalidField:
        return None
