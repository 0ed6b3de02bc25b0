"""Overview dashboard: the four golden signals of each queue."""

from __future__ import annotations

from deploy.dashboards.board import Board
from deploy.dashboards.panel import BAD, UP, WARN, Query, figure, graph, listing
from deploy.dashboards.promql import (
    IN_NAMESPACE,
    IN_QUEUE,
    or_zero,
    quantile,
    rate,
    share,
    stored,
    stored_quantile,
    stored_rate,
    total,
)

_PENDING = 'namespace=~"$namespace", queue=~"$queue", state="pending"'
_ACTIVE = 'namespace=~"$namespace", queue=~"$queue", state="active"'
_GIVEN_UP = 'namespace=~"$namespace", queue=~"$queue", outcome="archived"'
_FAILED = 'namespace=~"$namespace", queue=~"$queue", outcome!="completed"'


def overview() -> Board:
    """The entry dashboard."""
    processed = total(stored_rate("taskyard_tasks_processed_total", "queue", "type", "outcome"), "queue")
    failed = total(stored_rate("taskyard_tasks_processed_total", "queue", "type", "outcome", where=_FAILED), "queue")
    given_up = stored_rate("taskyard_tasks_processed_total", "queue", "type", "outcome", where=_GIVEN_UP)
    pending = total(stored("taskyard_queue_tasks", "queue", where=_PENDING), "queue")
    active = total(stored("taskyard_queue_tasks", "queue", where=_ACTIVE), "queue")
    oldest = stored("taskyard_queue_oldest_pending_seconds", "queue")
    slots = total(stored("taskyard_queue_slots", "queue"), "queue")
    asked = f'{IN_NAMESPACE}, route!~"/live|/ready|/ready/local|/health|/metrics"'
    errors = rate("taskyard_http_requests_total", where=f'{asked}, status=~"5.."')
    firing = (
        'ALERTS{alertname=~"Taskyard.+", alertstate="firing", severity=~"warning|critical", namespace=~"$namespace"}'
    )
    return (
        Board(
            "overview",
            "Overview",
            "Availability and the four golden signals of each queue: latency, traffic, errors, saturation.",
        )
        .variable("queue", "Queue", 'label_values(taskyard_queue_tasks{namespace=~"$namespace"}, queue)')
        .row(
            "Now",
            figure(
                "Alerts",
                "Firing alerts of Taskyard with severity warning or critical. Each has a runbook.",
                f"count({firing}) or vector(0)",
                thresholds=((1, WARN), (3, BAD)),
            ),
            figure(
                "Store",
                "Whether the store is reachable and configured correctly. Otherwise no tasks are accepted.",
                f"min({stored('taskyard_store_ready', where=IN_NAMESPACE)})",
                thresholds=UP,
                words={0: "not ready", 1: "ready"},
                runbook="TaskyardStoreNotReady",
            ),
            figure("Pending", "Tasks waiting for a worker.", f"sum({pending})"),
            figure("Running", "Tasks leased by workers.", f"sum({active})"),
            figure(
                "Oldest",
                "Age of the oldest pending task.",
                f"max({oldest})",
                unit="s",
                thresholds=((60, WARN), (600, BAD)),
                runbook="TaskyardOldestTaskTooOld",
            ),
            figure(
                "API errors",
                "Share of HTTP requests with a 5xx response, without probes and scrapes.",
                share(f"(({errors}) or vector(0))", rate("taskyard_http_requests_total", where=asked)),
                unit="percentunit",
                thresholds=((0.001, WARN), (0.01, BAD)),
                runbook="TaskyardApiErrorBudgetBurns",
            ),
        )
        .row(
            "Latency",
            graph(
                "Wait time",
                "Time that tasks were pending before a worker leased them. Planned delays (process_at, retry backoff) "
                "are excluded.",
                Query(stored_quantile(0.5, "taskyard_task_wait_seconds", "queue"), "{{queue}} p50"),
                Query(stored_quantile(0.99, "taskyard_task_wait_seconds", "queue"), "{{queue}} p99"),
                unit="s",
            ),
            graph(
                "Run time",
                "Duration of attempts, regardless of their outcome.",
                Query(stored_quantile(0.5, "taskyard_task_duration_seconds", "queue"), "{{queue}} p50"),
                Query(stored_quantile(0.99, "taskyard_task_duration_seconds", "queue"), "{{queue}} p99"),
                unit="s",
            ),
            graph(
                "Oldest pending task",
                "Age of the oldest pending task of each queue; 0 for an empty queue. A steady rise means that no "
                "worker processes the queue.",
                Query(f"max by (queue) ({oldest})", "{{queue}}"),
                unit="s",
                thresholds=((600, BAD),),
                runbook="TaskyardOldestTaskTooOld",
            ),
            graph(
                "HTTP, p99",
                "Response time of the API by route.",
                Query(quantile(0.99, "taskyard_http_request_duration_seconds", "route"), "{{route}}"),
                unit="s",
                thresholds=((1, WARN),),
                runbook="TaskyardApiSlow",
            ),
        )
        .row(
            "Traffic",
            graph(
                "Tasks enqueued",
                "Accepted tasks per second.",
                Query(total(stored_rate("taskyard_tasks_enqueued_total", "queue", "type"), "queue"), "{{queue}}"),
                unit="ops",
            ),
            graph(
                "Attempts ended",
                "Ended attempts per second, regardless of their outcome.",
                Query(processed, "{{queue}}"),
                unit="ops",
            ),
            graph(
                "HTTP requests",
                "Responses of the API per second, by status.",
                Query(rate("taskyard_http_requests_total", "status"), "{{status}}"),
                unit="reqps",
                stacked=True,
            ),
            graph(
                "Tasks by state",
                "All tasks in the store, including completed and archived ones within their retention.",
                Query(total(stored("taskyard_queue_tasks", "queue", "state"), "state"), "{{state}}"),
                stacked=True,
            ),
        )
        .row(
            "Errors",
            graph(
                "Failed attempts",
                "Share of the attempts with an outcome other than completed: retry, archived, lost.",
                Query(or_zero(share(failed, processed)), "{{queue}}"),
                unit="percentunit",
                most=1,
                thresholds=((0.5, WARN),),
                runbook="TaskyardRetriesHigh",
            ),
            graph(
                "Tasks archived",
                "Tasks archived by workers per second: retries exhausted, or DoNotRetry raised by the handler.",
                Query(or_zero(total(given_up, "queue")), "{{queue}}"),
                unit="ops",
                runbook="TaskyardTasksGivenUp",
            ),
            graph(
                "Tasks rejected",
                "Tasks rejected per second because their queue was at its limit.",
                Query(or_zero(rate("taskyard_enqueues_rejected_total", "queue", where=IN_QUEUE)), "{{queue}}"),
                unit="ops",
                runbook="TaskyardQueueFull",
            ),
            graph(
                "Attempts lost",
                "Attempts per second whose worker was lost. Their tasks are retried.",
                Query(
                    or_zero(
                        total(
                            stored_rate(
                                "taskyard_tasks_processed_total",
                                "queue",
                                "type",
                                where='namespace=~"$namespace", queue=~"$queue", outcome="lost"',
                            ),
                            "queue",
                        )
                    ),
                    "{{queue}}",
                ),
                unit="ops",
                runbook="TaskyardLeasesLapse",
            ),
        )
        .row(
            "Saturation",
            graph(
                "Pending tasks",
                "Tasks waiting for a worker. A steady rise means too few workers.",
                Query(pending, "{{queue}}"),
                runbook="TaskyardBacklogGrows",
            ),
            graph(
                "Slot utilization",
                "Running tasks as a share of the slots of all workers that serve the queue. Workers of several queues "
                "count for each. At 100 % tasks wait.",
                Query(share(active, slots), "{{queue}}"),
                unit="percentunit",
                thresholds=((0.9, WARN),),
            ),
            graph(
                "Store memory",
                "Memory used by the store, and its limit. At the limit no tasks are accepted.",
                Query(f"sum({stored('taskyard_store_memory_bytes', where=IN_NAMESPACE)})", "used"),
                Query(f"sum({stored('taskyard_store_memory_limit_bytes', where=IN_NAMESPACE)} > 0)", "limit"),
                unit="bytes",
                runbook="TaskyardStoreMemoryHigh",
            ),
            graph(
                "Due tasks",
                "Scheduled tasks and retries that are due soon, or overdue (due but not yet pending).",
                Query(total(stored("taskyard_queue_due_tasks", "queue", "within"), "within"), "within {{within}}"),
                runbook="TaskyardTasksOverdue",
            ),
            listing(
                "Queues",
                "Current state of each queue.",
                Query(total(stored("taskyard_queue_tasks", "queue", where=_PENDING), "namespace", "queue"), "pending"),
                Query(total(stored("taskyard_queue_tasks", "queue", where=_ACTIVE), "namespace", "queue"), "running"),
                Query(total(stored("taskyard_queue_workers", "queue"), "namespace", "queue"), "workers"),
                Query(total(stored("taskyard_queue_slots", "queue"), "namespace", "queue"), "slots"),
                Query(total(stored("taskyard_queue_paused", "queue"), "namespace", "queue"), "paused"),
                runbook="TaskyardNoWorkers",
            ),
        )
    )
