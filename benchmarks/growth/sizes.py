"""Sizes of the studies."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sizes:
    """Sizes of all studies, ascending."""

    pending: tuple[int, ...] = (1_000, 10_000, 100_000, 1_000_000)
    scheduled: tuple[int, ...] = (1_000, 10_000, 100_000)
    active: tuple[int, ...] = (100, 1_000, 10_000)
    queues: tuple[int, ...] = (1, 10, 100, 1_000)
    workers: tuple[int, ...] = (1, 10, 100, 500)
    archived: tuple[int, ...] = (1_000, 10_000, 100_000)
    payload_bytes: tuple[int, ...] = (100, 1_000, 10_000, 100_000, 1_000_000)
    cluster_queues: tuple[int, ...] = (1, 3, 12)
    operations: int = 500
    """Calls of each operation at each size."""
    processed: int = 60_000
    """Tasks processed at each size."""
    pick_ups: int = 300
    settle_s: float = 10.0
    """Idle time of a worker before its commands are counted."""
    idle_s: float = 10.0
    payload_total_bytes: int = 200_000_000
    """Approximate bytes of all tasks of one payload size; their number is at most ``processed``."""


FULL = Sizes()

QUICK = Sizes(
    pending=(500, 2_000),
    scheduled=(200, 1_000),
    active=(100, 500),
    queues=(1, 20),
    workers=(1, 20),
    archived=(300, 1_000),
    payload_bytes=(100, 100_000, 1_000_000),
    cluster_queues=(1, 3),
    operations=50,
    processed=2_000,
    pick_ups=30,
    settle_s=1.0,
    idle_s=1.0,
    payload_total_bytes=20_000_000,
)
