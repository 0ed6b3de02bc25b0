"""Samples of the API's metrics: validation, and conversion to readings of queues."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping

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
    metrics.TASKS_PROCESSED.name,
    f"{metrics.TASK_DURATION.name}_sum",
    f"{metrics.TASK_DURATION.name}_count",
    f"{metrics.TASK_DURATION.name}_bucket",
)
"""The series that are read; others are ignored."""


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
            ended=self.ended,
            run_s=self.run_s,
            runs=self.runs,
            runs_within=dict(self.runs_within),
        )
        _check_agreement(name, reading)
        # The backlog of a paused queue needs no workers.
        return msgspec.structs.replace(reading, pending=0, oldest_pending_s=0.0, due={}) if self.paused else reading


def read_queues(samples: Iterable[Sample], at_s: float) -> Reading:
    """Convert samples to a reading of all queues.

    Args:
        samples: samples of any series; those not in :data:`REQUIRED_SERIES` are ignored.
        at_s: time of the samples, in Unix seconds.

    Raises:
        MetricsMissing: no queue has samples, as when the API cannot reach its store; or a queue lacks a series.
        MetricsImplausible: a value is negative, NaN or infinite, or values contradict each other.
    """
    queues: defaultdict[str, _QueueSamples] = defaultdict(_QueueSamples)
    seen: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
    for sample in samples:
        if sample.name not in REQUIRED_SERIES:
            continue
        _check_value(sample)
        if seen.setdefault((sample.name, frozenset(sample.labels.items())), sample.value) != sample.value:
            raise MetricsImplausible(f"{sample.name} has two values for {dict(sample.labels)}")
        try:
            queues[sample.labels["queue"]].add(sample)
        except (KeyError, ValueError, InvalidDuration) as error:
            raise MetricsImplausible(f"{sample.name} has invalid labels: {error}") from None
    if not queues:
        raise MetricsMissing(
            f"there are no {metrics.QUEUE_TASKS.name}: the API has no queues, or cannot reach its store"
        )
    return Reading(at_s, {name: queue.build(name) for name, queue in queues.items()})


def _check_value(sample: Sample) -> None:
    if math.isnan(sample.value) or math.isinf(sample.value) or sample.value < 0:
        raise MetricsImplausible(f"{sample.name} is {sample.value} for {dict(sample.labels)}")


def _check_agreement(name: str, queue: QueueReading) -> None:
    if queue.pending == 0 and queue.oldest_pending_s > 0:
        raise MetricsImplausible(
            f"queue {name} has no pending tasks, but an oldest one of {queue.oldest_pending_s:g} s"
        )
    due = [tasks for _, tasks in sorted(queue.due.items())]
    if due != sorted(due):
        raise MetricsImplausible(f"queue {name} has fewer tasks due within a longer time: {due}")
    runs = [number for _, number in sorted(queue.runs_within.items())]
    if runs != sorted(runs):
        raise MetricsImplausible(f"the duration histogram of queue {name} is not cumulative: {runs}")
