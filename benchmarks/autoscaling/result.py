"""What a policy made of a trace."""

from __future__ import annotations

from typing import NamedTuple


class Result(NamedTuple):
    policy: str
    p50_wait_s: float
    p99_wait_s: float
    drain_s: float
    """The longest time for which tasks were waiting without a break."""
    replica_s: float
    interrupted: int
    changes: int
    unfinished: int
    """Tasks that had not ended an hour after the last arrival."""
