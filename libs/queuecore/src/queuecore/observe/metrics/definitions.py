"""Definitions of all metrics: name, meaning, unit and labels.

Labels have bounded values: queue, type, state, outcome, reason, route, method, status; for WorkerPools also
namespace, pool and action.

The store's scripts keep the totals and gauges of tasks. Only the API exposes them, and each replica exposes the same
values: it fills a definition's :meth:`~Definition.family` at each scrape. All other metrics count within one process:
:meth:`~Definition.build` registers them.
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
    """Unit of one: seconds, or the counted noun."""
    labels: tuple[str, ...] = ()


class CounterDefinition(Definition, frozen=True):
    """A number that only increases."""

    def build(self, registry: CollectorRegistry) -> Counter:
        """Make and register the metric."""
        return Counter(self.name, self.meaning, self.labels, registry=registry)

    def family(self) -> CounterMetricFamily:
        """Make an empty family, to be filled at each scrape with values kept elsewhere."""
        return CounterMetricFamily(self.name, self.meaning, labels=self.labels)


class GaugeDefinition(Definition, frozen=True):
    """A number that increases and decreases."""

    def build(self, registry: CollectorRegistry) -> Gauge:
        """Make and register the metric."""
        return Gauge(self.name, self.meaning, self.labels, registry=registry)

    def family(self) -> GaugeMetricFamily:
        """Make an empty family, to be filled at each scrape with values kept elsewhere."""
        return GaugeMetricFamily(self.name, self.meaning, labels=self.labels)


class HistogramDefinition(Definition, frozen=True):
    """Counts of durations per bucket, and their sum."""

    buckets_s: tuple[float, ...] = ()
    """Upper bounds in seconds; empty if the store's scripts define them."""

    def build(self, registry: CollectorRegistry) -> Histogram:
        """Make and register the metric."""
        return Histogram(self.name, self.meaning, self.labels, registry=registry, buckets=self.buckets_s)

    def family(self) -> HistogramMetricFamily:
        """Make an empty family, to be filled at each scrape with values kept elsewhere."""
        return HistogramMetricFamily(self.name, self.meaning, labels=self.labels)


QUEUE_TASKS = GaugeDefinition("taskyard_queue_tasks", "Tasks of a queue by state.", "tasks", ("queue", "state"))
QUEUE_OLDEST_PENDING = GaugeDefinition(
    "taskyard_queue_oldest_pending_seconds",
    "Age of the oldest pending task of a queue.",
    "seconds",
    ("queue",),
)
QUEUE_DUE_TASKS = GaugeDefinition(
    "taskyard_queue_due_tasks",
    "Scheduled and retry tasks of a queue that become due within a time from now.",
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
TASKS_LATE = CounterDefinition(
    "taskyard_tasks_late_successes_total",
    "Successes of attempts that were lost before, by the state of the task until then: retry, pending, archived. Their "
    "attempts are counted twice in taskyard_tasks_processed_total, as lost and as completed.",
    "attempts",
    ("queue", "type", "state"),
)
TASK_DURATION = HistogramDefinition(
    "taskyard_task_duration_seconds", "Run time of settled attempts.", "seconds", ("queue", "type")
)
TASK_WAIT = HistogramDefinition(
    "taskyard_task_wait_seconds",
    "Time tasks were pending before a worker leased them.",
    "seconds",
    ("queue", "type"),
)
TASKS_ARCHIVED = CounterDefinition(
    "taskyard_tasks_archived_total",
    "Dead letters and cancelled tasks, by reason: retries_exhausted, do_not_retry, deadline_exceeded, cancelled, "
    "poison, unreadable.",
    "tasks",
    ("queue", "reason"),
)
QUEUE_PAUSED = GaugeDefinition(
    "taskyard_queue_paused",
    "1 while the queue is paused, so that workers lease none of its tasks; else 0.",
    "1",
    ("queue",),
)
QUEUE_WORKERS = GaugeDefinition(
    "taskyard_queue_workers",
    "Live workers of the queue: those whose last heartbeat is less than 15 s old.",
    "workers",
    ("queue",),
)
QUEUE_SLOTS = GaugeDefinition(
    "taskyard_queue_slots",
    "Tasks that the workers of the queue can run at once. A worker of several queues counts in each of them.",
    "slots",
    ("queue",),
)
QUEUE_BYTES = GaugeDefinition(
    "taskyard_queue_bytes",
    "Bytes of all tasks of the queue, including retained finished tasks, and of its live idempotency keys.",
    "bytes",
    ("queue",),
)
QUEUE_LIMIT_TASKS = GaugeDefinition(
    "taskyard_queue_limit_tasks",
    "Limit on waiting tasks (pending, scheduled and retry). Absent without a limit.",
    "tasks",
    ("queue",),
)
QUEUE_LIMIT_BYTES = GaugeDefinition(
    "taskyard_queue_limit_bytes",
    "Limit on the bytes of all tasks and live idempotency keys of the queue. Absent without a limit.",
    "bytes",
    ("queue",),
)
ORPHANS = CounterDefinition(
    "taskyard_orphans_total",
    "Dropped ids without a task. A value above 0 means that the store has lost data.",
    "ids",
    ("queue",),
)

WORKER_TASK_DURATION = HistogramDefinition(
    "taskyard_worker_task_duration_seconds",
    "Run time of attempts in this worker, with trace ids as exemplars while tracing is on.",
    "seconds",
    ("queue", "type"),
    buckets_s=(0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60, 300, 900),
)
WORKER_SLOTS = GaugeDefinition("taskyard_worker_slots", "Tasks that the worker can run at once.", "slots")
WORKER_BUSY_SLOTS = GaugeDefinition("taskyard_worker_busy_slots", "Slots in use.", "slots")
WORKER_STUCK_THREADS = GaugeDefinition(
    "taskyard_worker_stuck_threads",
    "Threads and coroutines of attempts that have ended but cannot be stopped; each keeps its slot.",
    "threads",
)
WORKER_LEASES_LOST = CounterDefinition(
    "taskyard_worker_leases_lost_total", "Leases lost while their attempt was running.", "leases"
)
WORKER_SETTLE_RETRIES = CounterDefinition(
    "taskyard_worker_settle_retries_total", "Settle calls retried because the store was unreachable.", "calls"
)
WORKER_STALE_SETTLES = CounterDefinition(
    "taskyard_worker_stale_settles_total",
    "Late outcomes rejected because another worker had leased the task.",
    "attempts",
)

SCHEDULER_LATENESS = HistogramDefinition(
    "taskyard_scheduler_lateness_seconds",
    "Delay between the due time of tasks and their promotion to pending.",
    "seconds",
    buckets_s=(0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)
SCHEDULER_PROMOTED = CounterDefinition(
    "taskyard_scheduler_promoted_total", "Scheduled and retry tasks promoted to pending.", "tasks"
)
SCHEDULER_RECLAIMED = CounterDefinition(
    "taskyard_scheduler_reclaimed_total", "Tasks reclaimed after their lease expired.", "tasks"
)
SCHEDULER_EXPIRED = CounterDefinition(
    "taskyard_scheduler_expired_total", "Finished tasks removed at the end of their retention.", "tasks"
)
SCHEDULER_AGED = CounterDefinition(
    "taskyard_scheduler_aged_total", "Pending tasks moved to a higher priority because they have waited long.", "tasks"
)

_POOL = ("namespace", "pool")
WORKERPOOL_REPLICAS = GaugeDefinition(
    "taskyard_workerpool_replicas", "Replicas set on the pool's Deployment.", "pods", _POOL
)
WORKERPOOL_DESIRED_REPLICAS = GaugeDefinition(
    "taskyard_workerpool_desired_replicas",
    "Replicas that the queues need, before stabilization windows and scaling policies.",
    "pods",
    _POOL,
)
WORKERPOOL_NEEDED_SLOTS = GaugeDefinition(
    "taskyard_workerpool_needed_slots", "Slots needed to meet the pool's drain target.", "slots", _POOL
)
WORKERPOOL_METRICS_AVAILABLE = GaugeDefinition(
    "taskyard_workerpool_metrics_available",
    "1 while the metrics of the pool's queues are available, else 0.",
    "1",
    _POOL,
)
WORKERPOOL_SCALING_LIMITED = GaugeDefinition(
    "taskyard_workerpool_scaling_limited",
    "1 while bounds, windows, policies or busy pods limit the pool, else 0.",
    "1",
    _POOL,
)
WORKERPOOL_LIMITED_BY = GaugeDefinition(
    "taskyard_workerpool_limited_by",
    "1 for each reason that keeps the pool from the replicas that its queues need, as in its conditions.",
    "1",
    (*_POOL, "reason"),
)
WORKERPOOL_SCALE_CHANGES = CounterDefinition(
    "taskyard_workerpool_scale_changes_total",
    "Changes of the number of replicas, by action: ScaleOut, ScaleIn.",
    "changes",
    (*_POOL, "action"),
)
WORKERPOOL_FAILURES = CounterDefinition(
    "taskyard_workerpool_failures_total",
    "Failed reconciliations of a pool, by reason, as in its conditions.",
    "attempts",
    (*_POOL, "reason"),
)

HTTP_REQUESTS = CounterDefinition(
    "taskyard_http_requests_total", "HTTP requests answered.", "requests", ("route", "method", "status")
)
HTTP_REQUEST_DURATION = HistogramDefinition(
    "taskyard_http_request_duration_seconds",
    "Duration of HTTP requests.",
    "seconds",
    ("route", "method"),
    buckets_s=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)

ENQUEUES_REJECTED = CounterDefinition(
    "taskyard_enqueues_rejected_total",
    "Tasks rejected because their queue was full, by limit: max_depth, max_bytes.",
    "tasks",
    ("queue", "reason"),
)

ENQUEUES_NOT_DURABLE = CounterDefinition(
    "taskyard_enqueues_not_durable_total",
    "Tasks that the store did not confirm at the durability of their queue; callers get 503 NOT_DURABLE.",
    "tasks",
    ("queue",),
)
REPLICATION_WAIT = HistogramDefinition(
    "taskyard_replication_wait_seconds",
    "Duration of store calls that wait for replicas, from the write to their acknowledgement or the time limit.",
    "seconds",
    buckets_s=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
)

STORE_READY = GaugeDefinition(
    "taskyard_store_ready", "1 while the store answers and is configured correctly, else 0.", "1"
)
STORE_POLICY_UNKNOWN = GaugeDefinition(
    "taskyard_store_policy_unknown",
    "1 if the server hides its eviction policy, which can lose tasks; else 0.",
    "1",
)
STORE_INFO_UNKNOWN = GaugeDefinition(
    "taskyard_store_info_unknown",
    "1 if the server hides its memory, clients and commands, whose metrics are then absent; else 0.",
    "1",
)
STORE_MEMORY = GaugeDefinition(
    "taskyard_store_memory_bytes", "Memory used by the server; on a Cluster, by its fullest node.", "bytes"
)
STORE_MEMORY_LIMIT = GaugeDefinition(
    "taskyard_store_memory_limit_bytes", "Memory limit of the same server; 0 without a limit.", "bytes"
)
STORE_CLIENTS = GaugeDefinition("taskyard_store_connected_clients", "Connections to the server.", "connections")
STORE_COMMANDS = CounterDefinition("taskyard_store_commands_total", "Commands run by the server.", "commands")
STORE_EVICTED_KEYS = CounterDefinition(
    "taskyard_store_evicted_keys_total",
    "Keys evicted by the server because its memory was full. A value above 0 means that tasks were lost.",
    "keys",
)
STORE_CALL_DURATION = HistogramDefinition(
    "taskyard_store_call_duration_seconds",
    "Duration of this process's store calls, including failed ones and excluding waits for work.",
    "seconds",
    buckets_s=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
STORE_CALL_FAILURES = CounterDefinition(
    "taskyard_store_call_failures_total", "Store calls of this process that got no answer.", "calls"
)
BUILD_INFO = GaugeDefinition("taskyard_build_info", "1, labelled with the release.", "1", ("service", "version"))

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
    TASKS_LATE,
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
"""Kept by the store's scripts or its server, exposed by the API."""

OF_API = (
    HTTP_REQUESTS,
    HTTP_REQUEST_DURATION,
    ENQUEUES_REJECTED,
    ENQUEUES_NOT_DURABLE,
    REPLICATION_WAIT,
    STORE_READY,
    STORE_POLICY_UNKNOWN,
)
OF_SCHEDULER = (SCHEDULER_LATENESS, SCHEDULER_PROMOTED, SCHEDULER_RECLAIMED, SCHEDULER_EXPIRED, SCHEDULER_AGED)
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
"""Of each process that calls the store: API, scheduler, worker."""
OF_EVERY_PROCESS = (BUILD_INFO,)

OF_PROCESS = (*OF_API, *OF_SCHEDULER, *OF_WORKER, *OF_CONTROLLER, *OF_STORE_CALLS, *OF_EVERY_PROCESS)
"""Counted and exposed by each process for itself."""


def register_process(registry: CollectorRegistry, service: str) -> None:
    """Register the metrics of every process: its release, memory, CPU time, files and Python runtime.

    Also disables the ``_created`` series, which would double the number of series, and which nothing here uses.
    """
    disable_created_metrics()  # type: ignore[no-untyped-call]
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    BUILD_INFO.build(registry).labels(service=service, version=version("taskyard-core")).set(1)
