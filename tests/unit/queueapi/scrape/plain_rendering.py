"""The metrics of queues as the client library renders them: slow, and easy to understand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from prometheus_client import CollectorRegistry
from prometheus_client.core import HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder

from queueapi.scrape.queue_text import Capacity
from queuecore.observe.metrics import definitions as metrics
from queuecore.observe.metrics.histogram import add_histogram
from queuecore.store.queues.limits import QueueLimits
from queuecore.store.queues.reader import QueueStats
from queuecore.store.queues.totals import Histogram


def render_plainly(
    accept: str, stats: Sequence[QueueStats], capacities: Mapping[str, Capacity], defaults: QueueLimits
) -> bytes:
    """The text of all families of queues."""
    families = [
        *_gauges(stats),
        *_limits(stats, defaults),
        *_workers(stats, capacities),
        *_counters(stats),
        *_histograms(stats),
    ]
    encode, _ = choose_encoder(accept)
    return encode(_Families(families))


class _Families(CollectorRegistry):
    def __init__(self, families: Iterable[Metric]) -> None:
        super().__init__()
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def _gauges(stats: Sequence[QueueStats]) -> Iterable[Metric]:
    tasks, due = metrics.QUEUE_TASKS.family(), metrics.QUEUE_DUE_TASKS.family()
    oldest, paused = metrics.QUEUE_OLDEST_PENDING.family(), metrics.QUEUE_PAUSED.family()
    for each in stats:
        for state, number in each.counts.items():
            tasks.add_metric([each.queue, state.value], number)
        for window_ms, number in each.due.items():
            due.add_metric([each.queue, f"{window_ms // 1000}s"], number)
        oldest.add_metric([each.queue], each.oldest_pending_ms / 1000)
        paused.add_metric([each.queue], each.paused)
    return tasks, oldest, due, paused


def _limits(stats: Sequence[QueueStats], defaults: QueueLimits) -> Iterable[Metric]:
    size = metrics.QUEUE_BYTES.family()
    max_depth, max_bytes = metrics.QUEUE_LIMIT_TASKS.family(), metrics.QUEUE_LIMIT_BYTES.family()
    for each in stats:
        limits = each.limits.over(defaults)
        size.add_metric([each.queue], each.bytes)
        for family, limit in ((max_depth, limits.max_depth), (max_bytes, limits.max_bytes)):
            if limit is not None:
                family.add_metric([each.queue], limit)
    return size, max_depth, max_bytes


def _workers(stats: Sequence[QueueStats], capacities: Mapping[str, Capacity]) -> Iterable[Metric]:
    number, slots = metrics.QUEUE_WORKERS.family(), metrics.QUEUE_SLOTS.family()
    for each in stats:
        number.add_metric([each.queue], capacities[each.queue].workers)
        slots.add_metric([each.queue], capacities[each.queue].slots)
    return number, slots


def _counters(stats: Sequence[QueueStats]) -> Iterable[Metric]:
    enqueued, processed = metrics.TASKS_ENQUEUED.family(), metrics.TASKS_PROCESSED.family()
    archived, orphans = metrics.TASKS_ARCHIVED.family(), metrics.ORPHANS.family()
    late = metrics.TASKS_LATE.family()
    for each in stats:
        for label, number in each.totals.enqueued.items():
            enqueued.add_metric([each.queue, label], number)
        for (outcome, label), number in each.totals.processed.items():
            processed.add_metric([each.queue, label, outcome], number)
        for (state, label), number in each.totals.late.items():
            late.add_metric([each.queue, label, state], number)
        for reason, number in each.totals.archived.items():
            archived.add_metric([each.queue, reason], number)
        orphans.add_metric([each.queue], each.totals.orphans)
    return enqueued, processed, late, archived, orphans


def _histograms(stats: Sequence[QueueStats]) -> Iterable[Metric]:
    durations, waits = metrics.TASK_DURATION.family(), metrics.TASK_WAIT.family()
    for each in stats:
        for label, histogram in each.totals.run.items():
            _add(durations, [each.queue, label], histogram)
        for label, histogram in each.totals.wait.items():
            _add(waits, [each.queue, label], histogram)
    return durations, waits


def _add(family: HistogramMetricFamily, labels: Sequence[str], histogram: Histogram) -> None:
    bounds = [repr(bound_ms / 1000) for bound_ms in histogram.bounds_ms] + ["+Inf"]
    add_histogram(family, labels, bounds, histogram.counts, histogram.sum_ms / 1000)
