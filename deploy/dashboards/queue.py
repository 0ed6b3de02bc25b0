"""Queue dashboard: backlog, traffic, latency and failures of single queues."""

from __future__ import annotations

from deploy.dashboards.board import Board
from deploy.dashboards.panel import BAD, NONE_ALLOWED, WARN, Query, figure, graph
from deploy.dashboards.promql import (
    IN_QUEUE,
    IN_TYPE,
    or_zero,
    rate,
    share,
    stored,
    stored_quantile,
    stored_rate,
    total,
)

_PENDING = f'{IN_QUEUE}, state="pending"'
_WAITING = f'{IN_QUEUE}, state=~"pending|scheduled|retry"'
_ACTIVE = f'{IN_QUEUE}, state="active"'


def queue() -> Board:
    """Details of the selected queues and types."""
    pending = total(stored("taskyard_queue_tasks", "queue", where=_PENDING), "queue")
    ended = stored_rate("taskyard_tasks_processed_total", "queue", "type", "outcome", where=IN_TYPE)
    again = total(
        stored_rate("taskyard_tasks_processed_total", "queue", "type", where=f'{IN_TYPE}, outcome=~"retry|lost"'),
        "type",
    )
    left = stored_rate(
        "taskyard_tasks_processed_total", "queue", "type", "outcome", where=f'{IN_QUEUE}, outcome=~"completed|archived"'
    )
    return (
        Board("queue", "Queue", "Backlog, traffic, latency and failures of the selected queues and task types.")
        .variable("queue", "Queue", 'label_values(taskyard_queue_tasks{namespace=~"$namespace"}, queue)')
        .variable(
            "type",
            "Type",
            'label_values(taskyard_tasks_enqueued_total{namespace=~"$namespace", queue=~"$queue"}, type)',
        )
        .row(
            "Now",
            figure("Pending", "Tasks waiting for a worker.", f"sum({pending})", runbook="TaskyardBacklogGrows"),
            figure(
                "Oldest",
                "Age of the oldest pending task.",
                f"max({stored('taskyard_queue_oldest_pending_seconds', 'queue')})",
                unit="s",
                thresholds=((60, WARN), (600, BAD)),
                runbook="TaskyardOldestTaskTooOld",
            ),
            figure(
                "Time to drain",
                "Time to process the backlog at the current rate without new tasks. No value while no task ends.",
                f"sum({pending}) / (sum({left}) > 0)",
                unit="s",
            ),
            figure(
                "Workers",
                "Workers that serve the selected queues. Workers of several queues count for each.",
                f"sum({stored('taskyard_queue_workers', 'queue')})",
                thresholds=((1, "green"),),
                runbook="TaskyardNoWorkers",
            ),
            figure(
                "Paused",
                "Paused queues, whose tasks are not leased.",
                f"sum({stored('taskyard_queue_paused', 'queue')})",
                thresholds=((1, WARN),),
                runbook="TaskyardQueuePaused",
            ),
            figure(
                "Orphans",
                "Ids found without a task, in total. A value above 0 means that the store has lost data.",
                f"sum({stored('taskyard_orphans_total', 'queue')})",
                thresholds=NONE_ALLOWED,
                runbook="TaskyardOrphans",
            ),
        )
        .row(
            "Backlog",
            graph(
                "Tasks by state",
                "All tasks of the queues, including completed and archived ones within their retention.",
                Query(total(stored("taskyard_queue_tasks", "queue", "state"), "queue", "state"), "{{queue}} {{state}}"),
                stacked=True,
            ),
            graph(
                "Oldest pending task",
                "A steady rise means that no worker processes the queue.",
                Query(f"max by (queue) ({stored('taskyard_queue_oldest_pending_seconds', 'queue')})", "{{queue}}"),
                unit="s",
                thresholds=((600, BAD),),
                runbook="TaskyardOldestTaskTooOld",
            ),
            graph(
                "Due soon",
                "Scheduled tasks and retries that are due within a period from now.",
                Query(
                    total(stored("taskyard_queue_due_tasks", "queue", "within"), "queue", "within"),
                    "{{queue}} {{within}}",
                ),
            ),
            graph(
                "Tasks and limit",
                "Pending, scheduled and retry tasks, and the limit of the queue, if any.",
                Query(total(stored("taskyard_queue_tasks", "queue", where=_WAITING), "queue"), "{{queue}}"),
                Query(total(stored("taskyard_queue_limit_tasks", "queue"), "queue"), "{{queue}} limit"),
                runbook="TaskyardQueueFull",
            ),
            graph(
                "Bytes and limit",
                "Bytes of all tasks, including completed and archived ones within their retention, and the limit of "
                "the queue, if any.",
                Query(total(stored("taskyard_queue_bytes", "queue"), "queue"), "{{queue}}"),
                Query(total(stored("taskyard_queue_limit_bytes", "queue"), "queue"), "{{queue}} limit"),
                unit="bytes",
                runbook="TaskyardQueueFull",
            ),
            graph(
                "Paused",
                "1 while the queue is paused and none of its tasks is leased.",
                Query(f"max by (queue) ({stored('taskyard_queue_paused', 'queue')})", "{{queue}}"),
                most=1,
                runbook="TaskyardQueuePaused",
            ),
        )
        .row(
            "Traffic",
            graph(
                "Enqueued by type",
                "Accepted tasks per second.",
                Query(
                    total(stored_rate("taskyard_tasks_enqueued_total", "queue", "type", where=IN_TYPE), "type"),
                    "{{type}}",
                ),
                unit="ops",
                stacked=True,
            ),
            graph(
                "Ended by outcome",
                "Ended attempts per second.",
                Query(total(ended, "outcome"), "{{outcome}}"),
                unit="ops",
                stacked=True,
            ),
            graph(
                "Arrivals and completions",
                "Accepted tasks and ended tasks per second. The backlog grows while arrivals exceed completions.",
                Query(total(stored_rate("taskyard_tasks_enqueued_total", "queue", "type"), "queue"), "{{queue}} in"),
                Query(total(left, "queue"), "{{queue}} out"),
                unit="ops",
                runbook="TaskyardBacklogGrows",
            ),
            graph(
                "Slots",
                "Slots of the workers that serve the queue, and its running tasks.",
                Query(total(stored("taskyard_queue_slots", "queue"), "queue"), "{{queue}} slots"),
                Query(total(stored("taskyard_queue_tasks", "queue", where=_ACTIVE), "queue"), "{{queue}} running"),
            ),
        )
        .row(
            "Latency",
            graph(
                "Wait time by type",
                "Time that tasks were pending before a worker leased them.",
                Query(stored_quantile(0.5, "taskyard_task_wait_seconds", "type", where=IN_TYPE), "{{type}} p50"),
                Query(stored_quantile(0.99, "taskyard_task_wait_seconds", "type", where=IN_TYPE), "{{type}} p99"),
                unit="s",
            ),
            graph(
                "Run time by type",
                "Duration of attempts.",
                Query(stored_quantile(0.5, "taskyard_task_duration_seconds", "type", where=IN_TYPE), "{{type}} p50"),
                Query(stored_quantile(0.99, "taskyard_task_duration_seconds", "type", where=IN_TYPE), "{{type}} p99"),
                unit="s",
            ),
        )
        .row(
            "Failures",
            graph(
                "Retries",
                "Share of the attempts that are retried.",
                Query(f"{share(again, total(ended, 'type'))} or 0 * {total(ended, 'type')}", "{{type}}"),
                unit="percentunit",
                most=1,
                thresholds=((0.5, WARN),),
                runbook="TaskyardRetriesHigh",
            ),
            graph(
                "Archived by reason",
                "Archived tasks per second by reason, such as exhausted retries, cancelled, poison or unreadable.",
                Query(
                    or_zero(total(stored_rate("taskyard_tasks_archived_total", "queue", "reason"), "queue", "reason")),
                    "{{queue}} {{reason}}",
                ),
                unit="ops",
                stacked=True,
                runbook="TaskyardTasksGivenUp",
            ),
            graph(
                "Rejected by reason",
                "Rejected tasks per second, by the limit that was reached, and tasks that the store did not confirm.",
                Query(
                    or_zero(rate("taskyard_enqueues_rejected_total", "queue", "reason", where=IN_QUEUE)),
                    "{{queue}} {{reason}}",
                ),
                Query(
                    or_zero(rate("taskyard_enqueues_not_durable_total", "queue", where=IN_QUEUE)),
                    "{{queue}} not durable",
                ),
                unit="ops",
                runbook="TaskyardQueueFull",
            ),
            graph(
                "Attempts lost",
                "Attempts per second whose worker was lost.",
                Query(
                    or_zero(
                        total(
                            stored_rate(
                                "taskyard_tasks_processed_total", "queue", "type", where=f'{IN_TYPE}, outcome="lost"'
                            ),
                            "queue",
                        )
                    ),
                    "{{queue}}",
                ),
                Query(
                    or_zero(
                        total(
                            stored_rate("taskyard_tasks_late_successes_total", "queue", "type", where=IN_TYPE), "queue"
                        )
                    ),
                    "{{queue}} succeeded late",
                ),
                unit="ops",
                runbook="TaskyardLeasesLapse",
            ),
        )
    )
