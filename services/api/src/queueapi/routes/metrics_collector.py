"""Metrics collector: this process's metrics, and the totals and gauges of all queues from the store."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Sequence

from prometheus_client import CollectorRegistry
from prometheus_client.core import HistogramMetricFamily, Metric

from queueapi.http.store_deadline import StoreDeadline
from queueapi.routes.readiness import ReadinessCheck
from queueapi.submission.drain_rate import DrainRates
from queuecore.errors import StoreError
from queuecore.observe.metrics import definitions as metrics
from queuecore.observe.metrics.histogram import add_histogram
from queuecore.store.queues.directory import WorkerStatus
from queuecore.store.queues.limits import QueueLimits
from queuecore.store.queues.overview import Overview, OverviewReader, ServerStatus
from queuecore.store.queues.reader import QueueStats
from queuecore.store.queues.totals import Histogram


class MetricsCollector:
    """Collects all metrics for a scrape.

    Args:
        registry: this process's metrics.
        reader: reads the metrics in the store.
        readiness: exposes whether the store is ready.
        limits: defaults for queues without limits of their own.
        rates: drain rates, updated with each scrape.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        reader: OverviewReader,
        readiness: ReadinessCheck,
        limits: QueueLimits,
        rates: DrainRates,
    ) -> None:
        self._registry = registry
        self._reader = reader
        self._readiness = readiness
        self._limits = limits
        self._rates = rates

    async def collect(self) -> CollectorRegistry:
        """All metrics at this moment; those of the queues are missing during an outage of the store."""
        try:
            async with StoreDeadline():
                overview = await self._reader.read()
        except StoreError as error:
            self._readiness.record(error)
            return _Snapshot(self._registry.collect())
        self._readiness.record(overview.readiness)
        self._rates.observe(overview.queues, time.monotonic())
        return _Snapshot([*self._registry.collect(), *_stored(overview, self._limits)])


class _Snapshot(CollectorRegistry):
    """Metrics at one moment."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        super().__init__()
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def _stored(overview: Overview, limits: QueueLimits) -> Iterable[Metric]:
    yield from _gauges(overview.queues)
    yield from _limits(overview.queues, limits)
    yield from _workers(overview.queues, overview.workers)
    yield from _counters(overview.queues)
    yield from _histograms(overview.queues)
    yield from _server(overview.server)


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


def _workers(stats: Sequence[QueueStats], workers: Sequence[WorkerStatus]) -> Iterable[Metric]:
    number, slots = metrics.QUEUE_WORKERS.family(), metrics.QUEUE_SLOTS.family()
    serving, room = Counter[str](), Counter[str]()
    for worker in workers:
        for queue in worker.queues:
            serving[queue] += 1
            room[queue] += worker.slots
    for each in stats:
        number.add_metric([each.queue], serving[each.queue])
        slots.add_metric([each.queue], room[each.queue])
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


def _server(server: ServerStatus | None) -> Iterable[Metric]:
    unknown = metrics.STORE_INFO_UNKNOWN.family()
    unknown.add_metric((), server is None)
    yield unknown
    if server is not None:
        for definition, number in (
            (metrics.STORE_MEMORY, server.memory_bytes),
            (metrics.STORE_MEMORY_LIMIT, server.memory_limit_bytes),
            (metrics.STORE_CLIENTS, server.clients),
            (metrics.STORE_COMMANDS, server.commands),
            (metrics.STORE_EVICTED_KEYS, server.evicted_keys),
        ):
            family = definition.family()
            family.add_metric((), number)
            yield family
