"""All metrics of the system: names, units, meanings and labels.

Labels are of bounded kinds only: queue, type, state, outcome, reason, route, method, status; of WorkerPools also
namespace, pool and action.

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
TASKS_ARCHIVED = CounterDefinition(
    "taskyard_tasks_archived_total",
    "Tasks given up or cancelled, by reason: retries_exhausted, do_not_retry, deadline_exceeded, cancelled, poison, "
    "unreadable.",
    "tasks",
    ("queue", "reason"),
)
QUEUE_PAUSED = GaugeDefinition(
    "taskyard_queue_paused", "1 while no task of the queue is handed to workers, else 0.", "1", ("queue",)
)
QUEUE_WORKERS = GaugeDefinition(
    "taskyard_queue_workers",
    "Workers that serve the queue: those whose last heartbeat is less than 15 s old.",
    "workers",
    ("queue",),
)
QUEUE_SLOTS = GaugeDefinition(
    "taskyard_queue_slots",
    "Tasks that the workers of the queue can run at once. A worker of several queues counts for each of them.",
    "slots",
    ("queue",),
)
QUEUE_BYTES = GaugeDefinition(
    "taskyard_queue_bytes", "Bytes of all tasks of the queue, ended ones that are kept included.", "bytes", ("queue",)
)
QUEUE_LIMIT_TASKS = GaugeDefinition(
    "taskyard_queue_limit_tasks",
    "Tasks that may wait (pending, scheduled and retry). Missing where there is no limit.",
    "tasks",
    ("queue",),
)
QUEUE_LIMIT_BYTES = GaugeDefinition(
    "taskyard_queue_limit_bytes",
    "Bytes that all tasks of the queue may take. Missing where there is no limit.",
    "bytes",
    ("queue",),
)
ORPHANS = CounterDefinition(
    "taskyard_orphans_total",
    "Ids without a task that were dropped. Anything above 0 means that the store has lost data.",
    "ids",
    ("queue",),
)

WORKER_TASK_DURATION = HistogramDefinition(
    "taskyard_worker_task_duration_seconds",
    "How long attempts ran in this worker, with the trace ids of some where traces are on.",
    "seconds",
    ("queue", "type"),
    buckets_s=(0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60, 300, 900),
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
WORKERPOOL_LIMITED_BY = GaugeDefinition(
    "taskyard_workerpool_limited_by",
    "1 for each reason that keeps the pool from what its queues need, in the words of its conditions.",
    "1",
    (*_POOL, "reason"),
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

ENQUEUES_REJECTED = CounterDefinition(
    "taskyard_enqueues_rejected_total",
    "Tasks refused because their queue was at a limit, by its name: max_depth, max_bytes.",
    "tasks",
    ("queue", "reason"),
)

STORE_READY = GaugeDefinition(
    "taskyard_store_ready", "1 while the store answers and is set up as it must be, else 0.", "1"
)
STORE_POLICY_UNKNOWN = GaugeDefinition(
    "taskyard_store_policy_unknown",
    "1 when the server does not tell whether it evicts keys, which would lose tasks; else 0.",
    "1",
)
STORE_INFO_UNKNOWN = GaugeDefinition(
    "taskyard_store_info_unknown",
    "1 when the server does not tell its memory, clients and commands, whose metrics are missing then; else 0.",
    "1",
)
STORE_MEMORY = GaugeDefinition(
    "taskyard_store_memory_bytes", "Memory that the server uses; of a Cluster, its fullest node.", "bytes"
)
STORE_MEMORY_LIMIT = GaugeDefinition(
    "taskyard_store_memory_limit_bytes", "The most memory that the same server may use; 0: no limit is set.", "bytes"
)
STORE_CLIENTS = GaugeDefinition("taskyard_store_connected_clients", "Connections to the server.", "connections")
STORE_COMMANDS = CounterDefinition("taskyard_store_commands_total", "Commands that the server has run.", "commands")
STORE_EVICTED_KEYS = CounterDefinition(
    "taskyard_store_evicted_keys_total",
    "Keys that the server threw away for want of memory. Anything above 0 means that tasks were lost.",
    "keys",
)
STORE_CALL_DURATION = HistogramDefinition(
    "taskyard_store_call_duration_seconds",
    "How long this process waited for answers of the store, failed calls included. Waiting for work is not counted.",
    "seconds",
    buckets_s=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
STORE_CALL_FAILURES = CounterDefinition(
    "taskyard_store_call_failures_total", "Calls of this process that the store did not answer.", "calls"
)
BUILD_INFO = GaugeDefinition("taskyard_build_info", "1, with the release.", "1", ("service", "version"))

STORED = (
    QUEUE_TASKS,
    QUEUE_OLDEST_PENDING,
    QUEUE_DUE_TASKS,
    QUEUE_PAUSED,
    QUEUE_WORKERS,
    QUEUE_SLOTS,
    QUEUE_BYTES,
    QUEUE_LIMIT_TASKS,
    QUEUE_LIMIT_BYTES,
    TASKS_ENQUEUED,
    TASKS_PROCESSED,
    TASKS_ARCHIVED,
    TASK_DURATION,
    TASK_WAIT,
    ORPHANS,
    STORE_INFO_UNKNOWN,
    STORE_MEMORY,
    STORE_MEMORY_LIMIT,
    STORE_CLIENTS,
    STORE_COMMANDS,
    STORE_EVICTED_KEYS,
)
"""Kept in the store or by its server, exposed by the api."""

OF_API = (HTTP_REQUESTS, HTTP_REQUEST_DURATION, ENQUEUES_REJECTED, STORE_READY, STORE_POLICY_UNKNOWN)
OF_SCHEDULER = (SCHEDULER_LATENESS, SCHEDULER_PROMOTED, SCHEDULER_RECLAIMED, SCHEDULER_EXPIRED)
OF_WORKER = (
    WORKER_SLOTS,
    WORKER_BUSY_SLOTS,
    WORKER_TASK_DURATION,
    WORKER_STUCK_THREADS,
    WORKER_LEASES_LOST,
    WORKER_SETTLE_RETRIES,
    WORKER_STALE_SETTLES,
)
OF_CONTROLLER = (
    WORKERPOOL_REPLICAS,
    WORKERPOOL_DESIRED_REPLICAS,
    WORKERPOOL_NEEDED_SLOTS,
    WORKERPOOL_METRICS_AVAILABLE,
    WORKERPOOL_SCALING_LIMITED,
    WORKERPOOL_LIMITED_BY,
    WORKERPOOL_SCALE_CHANGES,
    WORKERPOOL_FAILURES,
)
OF_STORE_CALLS = (STORE_CALL_DURATION, STORE_CALL_FAILURES)
"""Of every process that talks to the store: api, scheduler, worker."""
OF_EVERY_PROCESS = (BUILD_INFO,)

OF_PROCESS = (*OF_API, *OF_SCHEDULER, *OF_WORKER, *OF_CONTROLLER, *OF_STORE_CALLS, *OF_EVERY_PROCESS)
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
