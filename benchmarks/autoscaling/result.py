"""Result of a policy on a trace."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Result(NamedTuple):
    policy: str
    p50_wait_s: float
    p99_wait_s: float
    drain_s: float
    """Longest period during which the queue was never empty."""
    replica_s: float
    interrupted: int
    changes: int
    unfinished: int
    """Tasks unfinished an hour after the last arrival."""


def find_misses(ours: Result, others: Sequence[Result]) -> list[str]:
    """Missed goals of our policy.

    Goals: p99 wait and replica-seconds no higher than those of the policy with the best p99 wait; no interrupted or
    unfinished tasks.
    """
    best = min(others, key=lambda result: result.p99_wait_s)
    misses = {
        f"p99 wait {ours.p99_wait_s:.2f} s, {best.policy} has {best.p99_wait_s:.2f} s": (
            ours.p99_wait_s > best.p99_wait_s
        ),
        f"{ours.replica_s:,.0f} replica-seconds, {best.policy} has {best.replica_s:,.0f}": (
            ours.replica_s > best.replica_s
        ),
        f"{ours.interrupted} tasks interrupted": ours.interrupted > 0,
        f"{ours.unfinished} tasks not ended": ours.unfinished > 0,
    }
    return [miss for miss, holds in misses.items() if holds]
