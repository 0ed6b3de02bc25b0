"""Leases made without a store."""

from __future__ import annotations

from typing import Any

from queuecore.domain.task import AttemptNumber, FencingToken
from queuecore.store.attempts.leases import Lease
from queuecore.testing.builders import make_task, now_ms


def make_lease(*, attempt: int = 1, token: int = 1, **changes: Any) -> Lease:
    """Make a lease that starts now; ``changes`` are fields of its task."""
    now = now_ms()
    return Lease(
        make_task(**changes), FencingToken(token), AttemptNumber(attempt), started_at_ms=now, entered_at_ms=now
    )
