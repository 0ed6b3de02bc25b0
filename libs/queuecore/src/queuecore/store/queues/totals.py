"""Totals: the counters that the scripts keep for each queue.

They are in the store, so they survive every process and read the same from every replica. Fields of the hash:

========================  =====================================================
``enqueued:<label>``      tasks enqueued
``processed:<outcome>:<label>``  attempts ended, by :class:`~queuecore.domain.task.Outcome`
``run_ms:<label>``        sum of the run times of settled attempts
``run:<bucket>:<label>``  settled attempts per bucket of run time (not cumulative)
``wait_ms:<label>``, ``wait:<bucket>:<label>``  the same for their pending time
``late:<state>:<label>``  successes of attempts that had ended as another outcome, by the state of the task before
``archived:<reason>``     archived tasks, by :class:`~queuecore.domain.task.ArchiveReason`
``orphans``               ids without an envelope that were dropped
========================  =====================================================

``label`` is the task type, or one shared label for unregistered types.
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
"""Upper bounds of the histogram of run times; an unbounded bucket follows."""
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
"""Upper bounds of the histogram of waiting times; an unbounded bucket follows."""


class Histogram:
    """Number of durations per bucket, and their sum."""

    def __init__(self, bounds_ms: tuple[int, ...]) -> None:
        self.bounds_ms = bounds_ms
        self.counts = [0] * (len(bounds_ms) + 1)
        self.sum_ms = 0


class Totals(msgspec.Struct):
    """The totals of one queue; keys are labels."""

    enqueued: dict[str, int]
    processed: dict[tuple[str, str], int]
    """Keys are (outcome, label)."""
    run: dict[str, Histogram]
    wait: dict[str, Histogram]
    orphans: int = 0
    late: dict[tuple[str, str], int] = msgspec.field(default_factory=dict)
    """Successes of attempts that another outcome had ended before. Keys are (state of the task before, label)."""
    archived: dict[str, int] = msgspec.field(default_factory=dict)
    """Keys are reasons."""


def read_totals(fields: Mapping[str, int]) -> Totals:
    """Parse the totals hash of a queue. Unknown fields, of a newer release, are ignored."""
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
            case "late":
                state, _, label = rest.partition(":")
                totals.late[state, label] = number
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
