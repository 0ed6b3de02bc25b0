"""Settings of a queue other than its limits."""

from __future__ import annotations

import msgspec


class QueueSettings(msgspec.Struct, frozen=True):
    """Settings of a queue; ``None``: the default applies."""

    archive_retention_ms: int | None = None
    """Retention of archived tasks that have none of their own."""
    priority_ageing_ms: int | None = None
    """Waiting time after which a pending task counts as one of priority 1, see ``lua/order_pending.lua``; 0: never."""


def read_settings(stored: dict[bytes, bytes]) -> QueueSettings:
    """Parse the settings hash of a queue. Damaged fields count as missing."""

    def number(field: bytes) -> int | None:
        value = stored.get(field, b"")
        return int(value) if value.isdigit() else None

    return QueueSettings(number(b"archive_retention_ms"), number(b"priority_ageing_ms"))
