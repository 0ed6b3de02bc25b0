"""Metrics of one worker process.

Totals of tasks and their durations are kept in the store, see :mod:`queuecore.store.queues.totals`.
"""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry

from queuecore.observe.metrics import definitions as metrics
from queuecore.observe.metrics.histogram import DurationHistogram


class WorkerMetrics:
    """The metrics of a worker.

    Args:
        registry: exposes them.
        total_slots: limit of tasks that run concurrently.
        busy_slots: returns the number of running tasks.
    """

    def __init__(self, registry: CollectorRegistry, total_slots: int, busy_slots: Callable[[], int]) -> None:
        metrics.register_process(registry, "worker")
        metrics.WORKER_SLOTS.build(registry).set(total_slots)
        metrics.WORKER_BUSY_SLOTS.build(registry).set_function(busy_slots)
        self.task_durations = DurationHistogram(metrics.WORKER_TASK_DURATION, registry)
        self.stuck_threads = metrics.WORKER_STUCK_THREADS.build(registry)
        self.leases_lost = metrics.WORKER_LEASES_LOST.build(registry)
        self.settle_retries = metrics.WORKER_SETTLE_RETRIES.build(registry)
        self.stale_settles = metrics.WORKER_STALE_SETTLES.build(registry)
