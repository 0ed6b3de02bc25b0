"""The counters that the scripts keep of each queue, and how they are read.

They live in the store so that they outlive every process and read the same from every replica. Fields of the hash:

========================  =====================================================
``enqueued:<label>``      tasks enqueued
``processed:<outcome>:<label>``  attempts ended, by :class:`~queuecore.domain.task.Outcome`
``run_ms:<label>``        sum of the run times of settled attempts
``run:<bucket>:<label>``  settled attempts per bucket of run time (not cumulative)
``wait_ms:<label>``, ``wait:<bucket>:<label>``  the same for the time that they were pending before
``archived:<reason>``     tasks given up or cancelled, by :class:`~queuecore.domain.task.ArchiveReason`
``orphans``               ids without an envelope that were dropped
========================  =====================================================

``label`` is the task type, or one shared word for types that nobody registered.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import msgspec

RUN_BUCKETS_MS = (
    1,
    2,
    5,
    10,
    25,
    50,
    100,
    250,
    500,
    1_000,
    2_500,
    5_000,
    10_000,
    30_000,
    60_000,
    300_000,
    900_000,
)
"""Upper bounds of the histogram of run times; a last bucket without bound follows."""
WAIT_BUCKETS_MS = (
    1,
    2,
    5,
    10,
    25,
    50,
    100,
    250,
    500,
    1_000,
    5_000,
    10_000,
    30_000,
    60_000,
    300_000,
    900_000,
    3_600_000,
)
"""Upper bounds of the histogram of waiting times; a last bucket without bound follows."""


class Histogram:
    """How often a duration fell into each bucket, and the sum of all."""

    def __init__(self, bounds_ms: tuple[int, ...]) -> None:
        self.bounds_ms = bounds_ms
        self.counts = [0] * (len(bounds_ms) + 1)
        self.sum_ms = 0


class Totals(msgspec.Struct):
    """All that was ever counted of one queue; keys are labels."""

    enqueued: dict[str, int]
    processed: dict[tuple[str, str], int]
    """Keys are (outcome, label)."""
    run: dict[str, Histogram]
    wait: dict[str, Histogram]
    orphans: int = 0
    archived: dict[str, int] = msgspec.field(default_factory=dict)
    """Keys are reasons."""


def read_totals(fields: Mapping[str, int]) -> Totals:
    """Sort out the fields of a queue's totals. Fields of a newer release are passed over."""
    totals = Totals(
        {},
        {},
        defaultdict(lambda: Histogram(RUN_BUCKETS_MS)),
        defaultdict(lambda: Histogram(WAIT_BUCKETS_MS)),
    )
    for field, number in fields.items():
        kind, _, rest = field.partition(":")
        match kind:
            case "enqueued":
                totals.enqueued[rest] = number
            case "processed":
                outcome, _, label = rest.partition(":")
                totals.processed[outcome, label] = number
            case "run_ms":
                totals.run[rest].sum_ms = number
            case "wait_ms":
                totals.wait[rest].sum_ms = number
            case "run" | "wait":
                bucket, _, label = rest.partition(":")
                histogram = (totals.run if kind == "run" else totals.wait)[label]
                histogram.counts[int(bucket)] = number
            case "archived":
                totals.archived[rest] = number
            case "orphans":
                totals.orphans = number
    return totals
