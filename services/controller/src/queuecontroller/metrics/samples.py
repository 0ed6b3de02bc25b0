"""Samples of the API's metrics: validation, and conversion to readings of queues."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping

import msgspec

from queuecontroller.errors import MetricsImplausible, MetricsMissing
from queuecontroller.plan.reading import QueueReading, Reading
from queuecore.domain.duration import parse_duration
from queuecore.domain.state import TaskState
from queuecore.errors import InvalidDuration
from queuecore.observe.metrics import definitions as metrics

REQUIRED_SERIES = (
    metrics.QUEUE_TASKS.name,
    metrics.QUEUE_OLDEST_PENDING.name,
    metrics.QUEUE_DUE_TASKS.name,
    metrics.QUEUE_PAUSED.name,
    metrics.TASKS_ENQUEUED.name,
    metrics.TASKS_PROCESSED.name,
    f"{metrics.TASK_DURATION.name}_sum",
    f"{metrics.TASK_DURATION.name}_count",
    f"{metrics.TASK_DURATION.name}_bucket",
)
"""The series that are read; others are ignored."""
MAX_SERIES = 50_000
"""Series of the queues of one pool: 100 queues with 25 types each."""


class Sample(msgspec.Struct, frozen=True):
    """One value of one series."""

    name: str
    labels: Mapping[str, str]
    value: float


class _QueueSamples:
    """The samples of one queue, collected one by one."""

    def __init__(self) -> None:
        self.tasks: dict[str, float] = {}
        self.oldest_pending_s = 0.0
        self.paused = False
        self.due: dict[float, float] = {}
        self.enqueued: dict[tuple[str, ...], float] = {}
        self.ended: dict[tuple[str, ...], float] = {}
        self.run_s: dict[tuple[str, ...], float] = {}
        self.runs: dict[tuple[str, ...], float] = {}
        self.runs_within: defaultdict[float, float] = defaultdict(float)

    def add(self, sample: Sample) -> None:
        labels, value = sample.labels, sample.value
        task_type = (labels.get("type", ""),)
        match sample.name:
            case metrics.QUEUE_TASKS.name:
                self.tasks[labels["state"]] = value
            case metrics.QUEUE_OLDEST_PENDING.name:
                self.oldest_pending_s = value
            case metrics.QUEUE_DUE_TASKS.name:
                self.due[parse_duration(labels["within"]) / 1000] = value
            case metrics.QUEUE_PAUSED.name:
                self.paused = value > 0
            case metrics.TASKS_ENQUEUED.name:
                self.enqueued[task_type] = value
            case metrics.TASKS_PROCESSED.name:
                self.ended[*task_type, labels["outcome"]] = value
            case _ if sample.name.endswith("_sum"):
                self.run_s[task_type] = value
            case _ if sample.name.endswith("_count"):
                self.runs[task_type] = value
            case _:
                self.runs_within[float(labels["le"])] += value

    def build(self, name: str) -> QueueReading:
        if TaskState.PENDING not in self.tasks or TaskState.ACTIVE not in self.tasks:
            raise MetricsMissing(f"{metrics.QUEUE_TASKS.name} lacks the pending or active tasks of queue {name}")
        reading = QueueReading(
            pending=self.tasks[TaskState.PENDING],
            active=self.tasks[TaskState.ACTIVE],
            oldest_pending_s=self.oldest_pending_s,
            due=self.due,
            enqueued=self.enqueued,
            ended=self.ended,
            run_s=self.run_s,
            runs=self.runs,
            runs_within=dict(self.runs_within),
        )
        _check_agreement(name, reading)
        # The backlog of a paused queue needs no workers.
        return msgspec.structs.replace(reading, pending=0, oldest_pending_s=0.0, due={}) if self.paused else reading


class ReadingBuilder:
    """Converts the samples of some queues, added one by one, to a reading."""

    def __init__(self) -> None:
        self._queues: defaultdict[str, _QueueSamples] = defaultdict(_QueueSamples)
        self._seen: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}

    def add(self, sample: Sample) -> None:
        """Add a sample of one of :data:`REQUIRED_SERIES`.

        Raises:
            MetricsImplausible: its value is negative, NaN or infinite, its labels are invalid, or it contradicts an
                earlier one.
            MetricsMissing: there are more than :data:`MAX_SERIES`.
        """
        if math.isnan(sample.value) or math.isinf(sample.value) or sample.value < 0:
            raise MetricsImplausible(f"a sample of {sample.name} is {sample.value}")
        if self._seen.setdefault((sample.name, frozenset(sample.labels.items())), sample.value) != sample.value:
            raise MetricsImplausible(f"{sample.name} has two values for the same labels")
        if len(self._seen) > MAX_SERIES:
            raise MetricsMissing(f"the queues have more than {MAX_SERIES} series")
        try:
            self._queues[sample.labels["queue"]].add(sample)
        except (KeyError, ValueError, InvalidDuration):
            raise MetricsImplausible(f"a sample of {sample.name} has invalid labels") from None

    def build(self, at_s: float) -> Reading:
        """The reading of all queues that have samples.

        Args:
            at_s: time of the samples, in Unix seconds.

        Raises:
            MetricsMissing: a queue lacks a series.
            MetricsImplausible: values contradict each other.
        """
        return Reading(at_s, {name: queue.build(name) for name, queue in self._queues.items()})


def _check_agreement(name: str, queue: QueueReading) -> None:
    if queue.pending == 0 and queue.oldest_pending_s > 0:
        raise MetricsImplausible(
            f"queue {name} has no pending tasks, but an oldest one of {queue.oldest_pending_s:g} s"
        )
    due = [tasks for _, tasks in sorted(queue.due.items())]
    if due != sorted(due):
        raise MetricsImplausible(f"queue {name} has fewer tasks due within a longer time")
    runs = [number for _, number in sorted(queue.runs_within.items())]
    if runs != sorted(runs):
        raise MetricsImplausible(f"the duration histogram of queue {name} is not cumulative")
