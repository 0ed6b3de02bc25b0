"""Sizes of the quick and the full run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
"""Results of the last complete run."""


@dataclass(frozen=True)
class Plan:
    """The sizes of a run."""

    name: str
    rounds: int
    """Rounds of which the median is taken; contenders alternate within each."""
    idle_rounds: int
    """Rounds of measures that mostly wait."""
    busy_s: float
    """Approximate duration of a processing round."""
    singles: int
    """Tasks enqueued one by one."""
    concurrent: int
    """Tasks enqueued by concurrent callers."""
    batched: int
    """Tasks enqueued in batches."""
    settle_s: float
    """Idle time of a worker before its idle cost is measured."""
    idle_s: float
    """Duration of the idle measurement."""
    pick_up_s: float
    """Limit of the pick-up measurement."""
    pick_ups: int
    """Maximum number of pick-ups within that time."""
    scheduled: int
    """Number of scheduled tasks."""
    scheduled_s: float
    """Interval over which their due times are spread."""
    memory_tasks: int
    growth_tasks: int
    """Pending tasks of the large store."""
    recovery_s: float
    """Limit of the wait for orphans."""
    http_s: float
    raw_s: float
    timeout_s: float
    """Limit of one round of one measure for one contender; five times that for the large store."""


QUICK = Plan(
    name="quick",
    rounds=1,
    idle_rounds=1,
    busy_s=1.0,
    singles=400,
    concurrent=800,
    batched=2_000,
    settle_s=0.5,
    idle_s=1.5,
    pick_up_s=1.2,
    pick_ups=60,
    scheduled=40,
    scheduled_s=1.2,
    memory_tasks=5_000,
    growth_tasks=5_000,
    recovery_s=30.0,
    http_s=1.0,
    raw_s=0.5,
    timeout_s=45.0,
)

FULL = Plan(
    name="full",
    rounds=3,
    idle_rounds=2,
    busy_s=4.0,
    singles=3_000,
    concurrent=5_000,
    batched=20_000,
    settle_s=2.0,
    idle_s=15.0,
    pick_up_s=15.0,
    pick_ups=300,
    scheduled=200,
    scheduled_s=5.0,
    memory_tasks=100_000,
    growth_tasks=1_000_000,
    recovery_s=180.0,
    http_s=3.0,
    raw_s=2.0,
    timeout_s=120.0,
)
