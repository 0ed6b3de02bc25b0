"""How much is measured."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
"""Where the last whole run is kept."""


@dataclass(frozen=True)
class Plan:
    """The sizes of a run."""

    name: str
    rounds: int
    """Rounds of which the median is taken; contenders take turns within each."""
    idle_rounds: int
    """The same where most time is spent waiting."""
    busy_s: float
    """How long a round of processing takes about."""
    singles: int
    """Tasks enqueued one by one."""
    concurrent: int
    """Tasks enqueued by many callers."""
    batched: int
    """Tasks enqueued in batches."""
    settle_s: float
    """How long an idle worker is left alone before its cost is taken."""
    idle_s: float
    """How long an idle worker is watched."""
    pick_up_s: float
    pick_ups: int
    """Pick-ups measured: so many, or as many as the time allows."""
    scheduled: int
    scheduled_s: float
    """Scheduled tasks, and over how long a time their due times are spread."""
    memory_tasks: int
    growth_tasks: int
    """The pending tasks of the large store."""
    recovery_s: float
    """How long orphans are waited for."""
    http_s: float
    raw_s: float
    timeout_s: float
    """How long one contender may take for one round of one measure; five times that where the large store is filled."""


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
