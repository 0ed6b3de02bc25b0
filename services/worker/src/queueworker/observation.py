"""What a worker counts of itself. Tasks and their times are counted in the store, see ``queuecore.store.totals``."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from queuecore.observe import metrics
from queuecore.observe.durations import DurationHistogram
from queueworker.slots import Slots


class WorkerMetrics:
    """The worker's metrics on a registry."""

    def __init__(self, registry: CollectorRegistry, slots: Slots) -> None:
        metrics.register_process(registry, "worker")
        metrics.WORKER_SLOTS.build(registry).set(slots.total)
        metrics.WORKER_BUSY_SLOTS.build(registry).set_function(lambda: slots.busy)
        self.task_durations = DurationHistogram(metrics.WORKER_TASK_DURATION, registry)
        self.stuck_threads = metrics.WORKER_STUCK_THREADS.build(registry)
        self.leases_lost = metrics.WORKER_LEASES_LOST.build(registry)
        self.settle_retries = metrics.WORKER_SETTLE_RETRIES.build(registry)
        self.stale_settles = metrics.WORKER_STALE_SETTLES.build(registry)
