"""What happens in a queue, and since when."""

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
    """Everything about the chosen queues and types."""
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
        Board("queue", "Queue", "What waits in a queue, what comes in and goes out, how long it takes, what fails.")
        .variable("queue", "Queue", 'label_values(taskyard_queue_tasks{namespace=~"$namespace"}, queue)')
        .variable(
            "type",
            "Type",
            'label_values(taskyard_tasks_enqueued_total{namespace=~"$namespace", queue=~"$queue"}, type)',
        )
        .row(
            "Now",
            figure("Waiting", "Tasks that wait for a worker.", f"sum({pending})", runbook="TaskyardBacklogGrows"),
            figure(
                "Oldest",
                "Age of the oldest task that waits.",
                f"max({stored('taskyard_queue_oldest_pending_seconds', 'queue')})",
                unit="s",
                thresholds=((60, WARN), (600, BAD)),
                runbook="TaskyardOldestTaskTooOld",
            ),
            figure(
                "Time to drain",
                "How long it takes to work off what waits, if nothing more came in. As long as nothing ends, unknown.",
                f"sum({pending}) / (sum({left}) > 0)",
                unit="s",
            ),
            figure(
                "Workers",
                "Workers that serve the chosen queues; one that serves several counts for each.",
                f"sum({stored('taskyard_queue_workers', 'queue')})",
                thresholds=((1, "green"),),
                runbook="TaskyardNoWorkers",
            ),
            figure(
                "Paused",
                "Queues of which no worker takes tasks, because somebody paused them.",
                f"sum({stored('taskyard_queue_paused', 'queue')})",
                thresholds=((1, WARN),),
                runbook="TaskyardQueuePaused",
            ),
            figure(
                "Orphans",
                "Ids without a task that were ever found. Anything above 0 means that the store has lost data.",
                f"sum({stored('taskyard_orphans_total', 'queue')})",
                thresholds=NONE_ALLOWED,
                runbook="TaskyardOrphans",
            ),
        )
        .row(
            "What is there",
            graph(
                "Tasks by state",
                "All tasks of the queues, the ended ones that are kept included.",
                Query(total(stored("taskyard_queue_tasks", "queue", "state"), "queue", "state"), "{{queue}} {{state}}"),
                stacked=True,
            ),
            graph(
                "Oldest waiting task",
                "A line that rises steadily: nobody works on the queue.",
                Query(f"max by (queue) ({stored('taskyard_queue_oldest_pending_seconds', 'queue')})", "{{queue}}"),
                unit="s",
                thresholds=((600, BAD),),
                runbook="TaskyardOldestTaskTooOld",
            ),
            graph(
                "Falling due",
                "Scheduled tasks and retries that will become pending within a time from now.",
                Query(
                    total(stored("taskyard_queue_due_tasks", "queue", "within"), "queue", "within"),
                    "{{queue}} {{within}}",
                ),
            ),
            graph(
                "Tasks against the limit",
                "Tasks that wait, are scheduled or are to be retried, and how many the queue takes, if it has a limit.",
                Query(total(stored("taskyard_queue_tasks", "queue", where=_WAITING), "queue"), "{{queue}}"),
                Query(total(stored("taskyard_queue_limit_tasks", "queue"), "queue"), "{{queue}} limit"),
                runbook="TaskyardQueueFull",
            ),
            graph(
                "Bytes against the limit",
                "Bytes of all tasks, the ended ones that are kept included, and how many the queue takes, if it has a "
                "limit.",
                Query(total(stored("taskyard_queue_bytes", "queue"), "queue"), "{{queue}}"),
                Query(total(stored("taskyard_queue_limit_bytes", "queue"), "queue"), "{{queue}} limit"),
                unit="bytes",
                runbook="TaskyardQueueFull",
            ),
            graph(
                "Paused",
                "1 while no task of the queue is handed to workers.",
                Query(f"max by (queue) ({stored('taskyard_queue_paused', 'queue')})", "{{queue}}"),
                most=1,
                runbook="TaskyardQueuePaused",
            ),
        )
        .row(
            "In and out",
            graph(
                "Enqueued by type",
                "Tasks taken, per second.",
                Query(
                    total(stored_rate("taskyard_tasks_enqueued_total", "queue", "type", where=IN_TYPE), "type"),
                    "{{type}}",
                ),
                unit="ops",
                stacked=True,
            ),
            graph(
                "Ended by outcome",
                "Attempts that ended, per second.",
                Query(total(ended, "outcome"), "{{outcome}}"),
                unit="ops",
                stacked=True,
            ),
            graph(
                "In against out",
                "Tasks that come and tasks that end for good, per second. While more come, the backlog grows.",
                Query(total(stored_rate("taskyard_tasks_enqueued_total", "queue", "type"), "queue"), "{{queue}} in"),
                Query(total(left, "queue"), "{{queue}} out"),
                unit="ops",
                runbook="TaskyardBacklogGrows",
            ),
            graph(
                "Slots",
                "Slots of the workers that serve the queue, and how many of the queue's tasks run.",
                Query(total(stored("taskyard_queue_slots", "queue"), "queue"), "{{queue}} slots"),
                Query(total(stored("taskyard_queue_tasks", "queue", where=_ACTIVE), "queue"), "{{queue}} running"),
            ),
        )
        .row(
            "Times",
            graph(
                "Waiting time by type",
                "How long tasks were pending before a worker took them.",
                Query(stored_quantile(0.5, "taskyard_task_wait_seconds", "type", where=IN_TYPE), "{{type}} p50"),
                Query(stored_quantile(0.99, "taskyard_task_wait_seconds", "type", where=IN_TYPE), "{{type}} p99"),
                unit="s",
            ),
            graph(
                "Running time by type",
                "How long attempts ran.",
                Query(stored_quantile(0.5, "taskyard_task_duration_seconds", "type", where=IN_TYPE), "{{type}} p50"),
                Query(stored_quantile(0.99, "taskyard_task_duration_seconds", "type", where=IN_TYPE), "{{type}} p99"),
                unit="s",
            ),
        )
        .row(
            "Failures",
            graph(
                "Retries",
                "Share of the attempts that are to be repeated.",
                Query(f"{share(again, total(ended, 'type'))} or 0 * {total(ended, 'type')}", "{{type}}"),
                unit="percentunit",
                most=1,
                thresholds=((0.5, WARN),),
                runbook="TaskyardRetriesHigh",
            ),
            graph(
                "Archived by reason",
                "Tasks archived, per second: given up, cancelled, poison, unreadable.",
                Query(
                    or_zero(total(stored_rate("taskyard_tasks_archived_total", "queue", "reason"), "queue", "reason")),
                    "{{queue}} {{reason}}",
                ),
                unit="ops",
                stacked=True,
                runbook="TaskyardTasksGivenUp",
            ),
            graph(
                "Refused by reason",
                "Tasks that were not taken, per second, by the limit that was met.",
                Query(
                    or_zero(rate("taskyard_enqueues_rejected_total", "queue", "reason", where=IN_QUEUE)),
                    "{{queue}} {{reason}}",
                ),
                unit="ops",
                runbook="TaskyardQueueFull",
            ),
            graph(
                "Attempts lost",
                "Attempts whose worker vanished, per second.",
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
                unit="ops",
                runbook="TaskyardLeasesLapse",
            ),
        )
    )
