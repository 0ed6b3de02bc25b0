"""All metrics of the system: names, units, meanings and labels.

Labels are of bounded kinds only: queue, type, state, outcome, route, method, status; of WorkerPools also namespace,
pool, action and reason.

The totals and gauges of tasks are kept in the store, by its scripts. The api alone exposes them, and any replica gives
the same answer: it fills a definition's :meth:`~Definition.family` at each scrape. All others count within one process:
:meth:`~Definition.build` makes them on the registry that it is given.
"""

from __future__ import annotations

from importlib.metadata import version

import msgspec
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily


class Definition(msgspec.Struct, frozen=True):
    """A metric."""

    name: str
    meaning: str
    unit: str
    """What one is: seconds, or what is counted."""
    labels: tuple[str, ...] = ()


class CounterDefinition(Definition, frozen=True):
    """A number that only grows."""

    def build(self, registry: CollectorRegistry) -> Counter:
        """The metric, registered."""
        return Counter(self.name, self.meaning, self.labels, registry=registry)

    def family(self) -> CounterMetricFamily:
        """For values that are kept elsewhere: to be filled at each scrape."""
        return CounterMetricFamily(self.name, self.meaning, labels=self.labels)


class GaugeDefinition(Definition, frozen=True):
    """A number that goes up and down."""

    def build(self, registry: CollectorRegistry) -> Gauge:
        """The metric, registered."""
        return Gauge(self.name, self.meaning, self.labels, registry=registry)

    def family(self) -> GaugeMetricFamily:
        """For values that are kept elsewhere: to be filled at each scrape."""
        return GaugeMetricFamily(self.name, self.meaning, labels=self.labels)


class HistogramDefinition(Definition, frozen=True):
    """How often a duration fell into each bucket, and the sum of all."""

    buckets_s: tuple[float, ...] = ()
    """Upper bounds, in seconds. Empty when they belong to whoever keeps the values."""

    def build(self, registry: CollectorRegistry) -> Histogram:
        """The metric, registered."""
        return Histogram(self.name, self.meaning, self.labels, registry=registry, buckets=self.buckets_s)

    def family(self) -> HistogramMetricFamily:
        """For values that are kept elsewhere: to be filled at each scrape."""
        return HistogramMetricFamily(self.name, self.meaning, labels=self.labels)


QUEUE_TASKS = GaugeDefinition("taskyard_queue_tasks", "Tasks of a queue by state.", "tasks", ("queue", "state"))
QUEUE_OLDEST_PENDING = GaugeDefinition(
    "taskyard_queue_oldest_pending_seconds",
    "For how long the oldest pending task of a queue has been pending.",
    "seconds",
    ("queue",),
)
QUEUE_DUE_TASKS = GaugeDefinition(
    "taskyard_queue_due_tasks",
    "Scheduled and retry tasks of a queue that fall due within a time from now.",
    "tasks",
    ("queue", "within"),
)
TASKS_ENQUEUED = CounterDefinition("taskyard_tasks_enqueued_total", "Tasks enqueued.", "tasks", ("queue", "type"))
TASKS_PROCESSED = CounterDefinition(
    "taskyard_tasks_processed_total",
    "Attempts ended, by outcome: completed, retry, archived, lost.",
    "attempts",
    ("queue", "type", "outcome"),
)
TASK_DURATION = HistogramDefinition(
    "taskyard_task_duration_seconds", "How long settled attempts ran.", "seconds", ("queue", "type")
)
TASK_WAIT = HistogramDefinition(
    "taskyard_task_wait_seconds",
    "How long tasks were pending before a worker took them.",
    "seconds",
    ("queue", "type"),
)
ORPHANS = CounterDefinition(
    "taskyard_orphans_total",
    "Ids without a task that were dropped. Anything above 0 means that the store has lost data.",
    "ids",
    ("queue",),
)

WORKER_SLOTS = GaugeDefinition("taskyard_worker_slots", "Tasks that the worker can run at once.", "slots")
WORKER_BUSY_SLOTS = GaugeDefinition("taskyard_worker_busy_slots", "Slots that are taken.", "slots")
WORKER_STUCK_THREADS = GaugeDefinition(
    "taskyard_worker_stuck_threads",
    "Threads of attempts that have ended but cannot be stopped; each keeps its slot.",
    "threads",
)
WORKER_LEASES_LOST = CounterDefinition(
    "taskyard_worker_leases_lost_total", "Leases lost while their task was still running.", "leases"
)
WORKER_SETTLE_RETRIES = CounterDefinition(
    "taskyard_worker_settle_retries_total", "Settle calls repeated because the store was away.", "calls"
)
WORKER_STALE_SETTLES = CounterDefinition(
    "taskyard_worker_stale_settles_total",
    "Outcomes that came too late: another worker had leased the task meanwhile.",
    "attempts",
)

SCHEDULER_LATENESS = HistogramDefinition(
    "taskyard_scheduler_lateness_seconds",
    "How long after their due time tasks became pending.",
    "seconds",
    buckets_s=(0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)
SCHEDULER_PROMOTED = CounterDefinition(
    "taskyard_scheduler_promoted_total", "Scheduled and retry tasks made pending.", "tasks"
)
SCHEDULER_RECLAIMED = CounterDefinition(
    "taskyard_scheduler_reclaimed_total", "Tasks taken back from workers whose lease had lapsed.", "tasks"
)
SCHEDULER_EXPIRED = CounterDefinition(
    "taskyard_scheduler_expired_total", "Finished tasks forgotten at the end of their retention.", "tasks"
)

_POOL = ("namespace", "pool")
WORKERPOOL_REPLICAS = GaugeDefinition(
    "taskyard_workerpool_replicas", "Pods that the pool's Deployment is to have.", "pods", _POOL
)
WORKERPOOL_DESIRED_REPLICAS = GaugeDefinition(
    "taskyard_workerpool_desired_replicas", "Pods that the queues need, before windows and steps.", "pods", _POOL
)
WORKERPOOL_NEEDED_SLOTS = GaugeDefinition(
    "taskyard_workerpool_needed_slots", "Slots that the pool's drain target asks for.", "slots", _POOL
)
WORKERPOOL_METRICS_AVAILABLE = GaugeDefinition(
    "taskyard_workerpool_metrics_available", "1 while the state of the pool's queues is known, else 0.", "1", _POOL
)
WORKERPOOL_SCALING_LIMITED = GaugeDefinition(
    "taskyard_workerpool_scaling_limited",
    "1 while bounds, windows, steps or busy pods limit the pool, else 0.",
    "1",
    _POOL,
)
WORKERPOOL_SCALE_CHANGES = CounterDefinition(
    "taskyard_workerpool_scale_changes_total",
    "Changes of the number of pods, by action: ScaleOut, ScaleIn.",
    "changes",
    (*_POOL, "action"),
)
WORKERPOOL_FAILURES = CounterDefinition(
    "taskyard_workerpool_failures_total",
    "Attempts to keep a pool that failed, by reason, in the words of its conditions.",
    "attempts",
    (*_POOL, "reason"),
)

HTTP_REQUESTS = CounterDefinition(
    "taskyard_http_requests_total", "HTTP requests answered.", "requests", ("route", "method", "status")
)
HTTP_REQUEST_DURATION = HistogramDefinition(
    "taskyard_http_request_duration_seconds",
    "How long HTTP requests took to answer.",
    "seconds",
    ("route", "method"),
    buckets_s=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)

STORE_READY = GaugeDefinition(
    "taskyard_store_ready", "1 while the store answers and is set up as it must be, else 0.", "1"
)
STORE_POLICY_UNKNOWN = GaugeDefinition(
    "taskyard_store_policy_unknown",
    "1 when the server does not tell whether it evicts keys, which would lose tasks; else 0.",
    "1",
)
BUILD_INFO = GaugeDefinition("taskyard_build_info", "1, with the release.", "1", ("service", "version"))

STORED = (
    QUEUE_TASKS,
    QUEUE_OLDEST_PENDING,
    QUEUE_DUE_TASKS,
    TASKS_ENQUEUED,
    TASKS_PROCESSED,
    TASK_DURATION,
    TASK_WAIT,
    ORPHANS,
)
"""Kept in the store, exposed by the api."""

OF_PROCESS = (
    WORKER_SLOTS,
    WORKER_BUSY_SLOTS,
    WORKER_STUCK_THREADS,
    WORKER_LEASES_LOST,
    WORKER_SETTLE_RETRIES,
    WORKER_STALE_SETTLES,
    SCHEDULER_LATENESS,
    SCHEDULER_PROMOTED,
    SCHEDULER_RECLAIMED,
    SCHEDULER_EXPIRED,
    WORKERPOOL_REPLICAS,
    WORKERPOOL_DESIRED_REPLICAS,
    WORKERPOOL_NEEDED_SLOTS,
    WORKERPOOL_METRICS_AVAILABLE,
    WORKERPOOL_SCALING_LIMITED,
    WORKERPOOL_SCALE_CHANGES,
    WORKERPOOL_FAILURES,
    HTTP_REQUESTS,
    HTTP_REQUEST_DURATION,
    STORE_READY,
    STORE_POLICY_UNKNOWN,
    BUILD_INFO,
)
"""Counted within one process, exposed by that process."""


def register_process(registry: CollectorRegistry, service: str) -> None:
    """Register what every process exposes: its release, its memory, time and files, and the Python runtime's state.

    Also leaves out the ``_created`` series, which would double the number of series for nothing that we use.
    """
    disable_created_metrics()  # type: ignore[no-untyped-call]
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    BUILD_INFO.build(registry).labels(service=service, version=version("queuecore")).set(1)
