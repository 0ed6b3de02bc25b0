"""Is it down, is it slow, what is stuck: the four golden signals of each queue."""

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
    """The dashboard to begin with."""
    processed = total(stored_rate("taskyard_tasks_processed_total", "queue", "type", "outcome"), "queue")
    failed = total(stored_rate("taskyard_tasks_processed_total", "queue", "type", "outcome", where=_FAILED), "queue")
    given_up = stored_rate("taskyard_tasks_processed_total", "queue", "type", "outcome", where=_GIVEN_UP)
    pending = total(stored("taskyard_queue_tasks", "queue", where=_PENDING), "queue")
    active = total(stored("taskyard_queue_tasks", "queue", where=_ACTIVE), "queue")
    oldest = stored("taskyard_queue_oldest_pending_seconds", "queue")
    slots = total(stored("taskyard_queue_slots", "queue"), "queue")
    asked = f'{IN_NAMESPACE}, route!~"/live|/ready|/health|/metrics"'
    errors = rate("taskyard_http_requests_total", where=f'{asked}, status=~"5.."')
    firing = (
        'ALERTS{alertname=~"Taskyard.+", alertstate="firing", severity=~"warning|critical", namespace=~"$namespace"}'
    )
    return (
        Board("overview", "Overview", "Is it down, is it slow, what is stuck: the four golden signals of each queue.")
        .variable("queue", "Queue", 'label_values(taskyard_queue_tasks{namespace=~"$namespace"}, queue)')
        .row(
            "Now",
            figure(
                "Alerts",
                "Alerts of Taskyard that fire, without those that only inform. Each has a runbook.",
                f"count({firing}) or vector(0)",
                thresholds=((1, WARN), (3, BAD)),
            ),
            figure(
                "Store",
                "Whether the store answers and is set up as it must be. While it is not, no task is taken.",
                f"min({stored('taskyard_store_ready', where=IN_NAMESPACE)})",
                thresholds=UP,
                words={0: "not ready", 1: "ready"},
                runbook="TaskyardStoreNotReady",
            ),
            figure("Waiting", "Tasks that wait for a worker.", f"sum({pending})"),
            figure("Running", "Tasks that workers run.", f"sum({active})"),
            figure(
                "Oldest",
                "For how long the task has waited that has waited longest.",
                f"max({oldest})",
                unit="s",
                thresholds=((60, WARN), (600, BAD)),
                runbook="TaskyardOldestTaskTooOld",
            ),
            figure(
                "API errors",
                "Share of the HTTP requests that the api answered with 5xx, without probes and scrapes.",
                share(f"(({errors}) or vector(0))", rate("taskyard_http_requests_total", where=asked)),
                unit="percentunit",
                thresholds=((0.001, WARN), (0.01, BAD)),
                runbook="TaskyardApiErrorBudgetBurns",
            ),
        )
        .row(
            "Latency",
            graph(
                "Waiting time",
                "How long tasks were pending before a worker took them; half of them waited less than p50, one in a "
                "hundred longer than p99. Time that was planned (process_at, retry) is not in it.",
                Query(stored_quantile(0.5, "taskyard_task_wait_seconds", "queue"), "{{queue}} p50"),
                Query(stored_quantile(0.99, "taskyard_task_wait_seconds", "queue"), "{{queue}} p99"),
                unit="s",
            ),
            graph(
                "Running time",
                "How long attempts ran, whatever came of them.",
                Query(stored_quantile(0.5, "taskyard_task_duration_seconds", "queue"), "{{queue}} p50"),
                Query(stored_quantile(0.99, "taskyard_task_duration_seconds", "queue"), "{{queue}} p99"),
                unit="s",
            ),
            graph(
                "Oldest waiting task",
                "Age of the oldest pending task of each queue. It falls to 0 when a queue is empty; a line that rises "
                "steadily is a queue that nobody works on.",
                Query(f"max by (queue) ({oldest})", "{{queue}}"),
                unit="s",
                thresholds=((600, BAD),),
                runbook="TaskyardOldestTaskTooOld",
            ),
            graph(
                "HTTP, p99",
                "How long the api took to answer, by route.",
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
                "Tasks that were taken, per second.",
                Query(total(stored_rate("taskyard_tasks_enqueued_total", "queue", "type"), "queue"), "{{queue}}"),
                unit="ops",
            ),
            graph(
                "Attempts ended",
                "Attempts that ended, per second, whatever came of them.",
                Query(processed, "{{queue}}"),
                unit="ops",
            ),
            graph(
                "HTTP requests",
                "Requests that the api answered, per second, by status.",
                Query(rate("taskyard_http_requests_total", "status"), "{{status}}"),
                unit="reqps",
                stacked=True,
            ),
            graph(
                "Tasks by state",
                "All tasks that the store holds, the ended ones that are kept included.",
                Query(total(stored("taskyard_queue_tasks", "queue", "state"), "state"), "{{state}}"),
                stacked=True,
            ),
        )
        .row(
            "Errors",
            graph(
                "Failed attempts",
                "Share of the attempts that ended in another way than completed: retry, archived, lost.",
                Query(or_zero(share(failed, processed)), "{{queue}}"),
                unit="percentunit",
                most=1,
                thresholds=((0.5, WARN),),
                runbook="TaskyardRetriesHigh",
            ),
            graph(
                "Tasks given up",
                "Tasks that workers archived, per second: their retries are used up, or the handler said so.",
                Query(or_zero(total(given_up, "queue")), "{{queue}}"),
                unit="ops",
                runbook="TaskyardTasksGivenUp",
            ),
            graph(
                "Tasks refused",
                "Tasks that were not taken because a queue was at its limit, per second.",
                Query(or_zero(rate("taskyard_enqueues_rejected_total", "queue", where=IN_QUEUE)), "{{queue}}"),
                unit="ops",
                runbook="TaskyardQueueFull",
            ),
            graph(
                "Attempts lost",
                "Attempts whose worker vanished, per second. Their tasks run again.",
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
                "Waiting tasks",
                "Tasks that wait for a worker. A line that only rises is a queue with too few workers.",
                Query(pending, "{{queue}}"),
                runbook="TaskyardBacklogGrows",
            ),
            graph(
                "Slots taken",
                "Running tasks as a share of the slots of all workers that serve the queue. Workers that serve several "
                "queues count for each. At 100 % tasks wait.",
                Query(share(active, slots), "{{queue}}"),
                unit="percentunit",
                thresholds=((0.9, WARN),),
            ),
            graph(
                "Store memory",
                "Memory that the store uses, and its limit. At the limit no task is taken.",
                Query(f"sum({stored('taskyard_store_memory_bytes', where=IN_NAMESPACE)})", "used"),
                Query(f"sum({stored('taskyard_store_memory_limit_bytes', where=IN_NAMESPACE)} > 0)", "limit"),
                unit="bytes",
                runbook="TaskyardStoreMemoryHigh",
            ),
            graph(
                "Due tasks",
                "Scheduled tasks and retries that fall due soon, and those that are due and not yet pending.",
                Query(total(stored("taskyard_queue_due_tasks", "queue", "within"), "within"), "within {{within}}"),
                runbook="TaskyardTasksOverdue",
            ),
            listing(
                "Queues",
                "The present state of each queue.",
                Query(total(stored("taskyard_queue_tasks", "queue", where=_PENDING), "namespace", "queue"), "waiting"),
                Query(total(stored("taskyard_queue_tasks", "queue", where=_ACTIVE), "namespace", "queue"), "running"),
                Query(total(stored("taskyard_queue_workers", "queue"), "namespace", "queue"), "workers"),
                Query(total(stored("taskyard_queue_slots", "queue"), "namespace", "queue"), "slots"),
                Query(total(stored("taskyard_queue_paused", "queue"), "namespace", "queue"), "paused"),
                runbook="TaskyardNoWorkers",
            ),
        )
    )
