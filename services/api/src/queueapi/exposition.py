"""What Prometheus is told: this process's own metrics, and the totals and gauges of all queues, kept in the store."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import HistogramMetricFamily, Metric

from queueapi.readiness import ReadinessCheck
from queueapi.store_deadline import store_deadline
from queuecore.errors import StoreError
from queuecore.observe import metrics
from queuecore.store.inspect import QueueStats, TaskReader
from queuecore.store.totals import Histogram


class Exposition:
    """Renders all metrics.

    Args:
        registry: this process's own metrics.
        reader: reads the queues.
        readiness: notes in the registry whether the store is fit.
    """

    def __init__(self, registry: CollectorRegistry, reader: TaskReader, readiness: ReadinessCheck) -> None:
        self._registry = registry
        self._reader = reader
        self._readiness = readiness

    async def render(self) -> bytes:
        """The text of a scrape. While the store is away it has all but the queues."""
        await self._readiness.find_problem()
        try:
            async with store_deadline():
                stats = await self._reader.stats(await self._reader.queues())
        except StoreError:
            stats = []
        return generate_latest(self._registry) + generate_latest(_StoredMetrics(stats))


class _StoredMetrics(CollectorRegistry):
    """The queues at one moment, as metrics."""

    def __init__(self, stats: Sequence[QueueStats]) -> None:
        super().__init__()
        self._stats = stats

    def collect(self) -> Iterable[Metric]:
        yield from _gauges(self._stats)
        yield from _counters(self._stats)
        yield from _histograms(self._stats)


def _gauges(stats: Sequence[QueueStats]) -> Iterable[Metric]:
    tasks, due = metrics.QUEUE_TASKS.family(), metrics.QUEUE_DUE_TASKS.family()
    oldest = metrics.QUEUE_OLDEST_PENDING.family()
    for each in stats:
        for state, number in each.counts.items():
            tasks.add_metric([each.queue, state.value], number)
        for window_ms, number in each.due.items():
            due.add_metric([each.queue, f"{window_ms // 1000}s"], number)
        oldest.add_metric([each.queue], each.oldest_pending_ms / 1000)
    return tasks, oldest, due


def _counters(stats: Sequence[QueueStats]) -> Iterable[Metric]:
    enqueued, processed = metrics.TASKS_ENQUEUED.family(), metrics.TASKS_PROCESSED.family()
    orphans = metrics.ORPHANS.family()
    for each in stats:
        for label, number in each.totals.enqueued.items():
            enqueued.add_metric([each.queue, label], number)
        for (outcome, label), number in each.totals.processed.items():
            processed.add_metric([each.queue, label, outcome], number)
        orphans.add_metric([each.queue], each.totals.orphans)
    return enqueued, processed, orphans


def _histograms(stats: Sequence[QueueStats]) -> Iterable[Metric]:
    durations, waits = metrics.TASK_DURATION.family(), metrics.TASK_WAIT.family()
    for each in stats:
        for label, histogram in each.totals.run.items():
            _add_histogram(durations, [each.queue, label], histogram)
        for label, histogram in each.totals.wait.items():
            _add_histogram(waits, [each.queue, label], histogram)
    return durations, waits


def _add_histogram(family: HistogramMetricFamily, labels: Sequence[str], histogram: Histogram) -> None:
    """Add one series: the store counts ms and each bucket for itself, Prometheus takes seconds and running sums."""
    bounds = [repr(bound_ms / 1000) for bound_ms in histogram.bounds_ms] + ["+Inf"]
    buckets, total = [], 0
    for bound, number in zip(bounds, histogram.counts, strict=True):
        total += number
        buckets.append((bound, total))
    family.add_metric(labels, buckets=buckets, sum_value=histogram.sum_ms / 1000)
