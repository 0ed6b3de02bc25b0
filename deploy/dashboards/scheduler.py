"""Scheduler dashboard: scheduled tasks, lateness, reclaimed and expired tasks."""

from __future__ import annotations

from deploy.dashboards.board import Board
from deploy.dashboards.panel import BAD, GOOD, NONE_ALLOWED, WARN, Query, figure, graph
from deploy.dashboards.processes import processes
from deploy.dashboards.promql import IN_NAMESPACE, IN_QUEUE, quantile, rate, stored, total

_SCHEDULED = f'{IN_QUEUE}, state="scheduled"'
_RETRY = f'{IN_QUEUE}, state="retry"'
_OVERDUE = f'{IN_QUEUE}, within="0s"'


def scheduler() -> Board:
    """Schedulers and scheduled tasks."""
    return (
        Board(
            "scheduler",
            "Scheduler",
            "Scheduled tasks and retries, the lateness of their promotion, and tasks reclaimed from lost workers.",
        )
        .variable("queue", "Queue", 'label_values(taskyard_queue_tasks{namespace=~"$namespace"}, queue)')
        .row(
            "Now",
            figure(
                "Schedulers",
                "Running schedulers. One suffices for all queues; the others provide redundancy.",
                f'count(taskyard_build_info{{{IN_NAMESPACE}, service="scheduler"}})',
                thresholds=((1, GOOD),),
                runbook="TaskyardSchedulerAbsent",
            ),
            figure(
                "Scheduled",
                "Tasks waiting for their due time.",
                f"sum({stored('taskyard_queue_tasks', 'queue', where=_SCHEDULED)})",
            ),
            figure(
                "Retries",
                "Failed tasks waiting for their retry.",
                f"sum({stored('taskyard_queue_tasks', 'queue', where=_RETRY)})",
            ),
            figure(
                "Overdue",
                "Tasks that are due but not yet pending. A lasting value means that no scheduler promotes tasks.",
                f"sum({stored('taskyard_queue_due_tasks', 'queue', where=_OVERDUE)})",
                thresholds=((100, WARN), (1000, BAD)),
                runbook="TaskyardTasksOverdue",
            ),
            figure(
                "Lateness, p99",
                "Time from the due time of tasks to their promotion, 99th percentile.",
                quantile(0.99, "taskyard_scheduler_lateness_seconds"),
                unit="s",
                thresholds=((1, WARN), (5, BAD)),
                runbook="TaskyardSchedulerLate",
            ),
            figure(
                "Reclaimed",
                "Tasks reclaimed after an expired lease, since the schedulers started.",
                f"sum(taskyard_scheduler_reclaimed_total{{{IN_NAMESPACE}}})",
                thresholds=NONE_ALLOWED,
                runbook="TaskyardLeasesLapse",
            ),
        )
        .row(
            "Scheduled tasks",
            graph(
                "Scheduled and retry",
                "Tasks waiting for their due time, and failed tasks waiting for their retry.",
                Query(
                    total(stored("taskyard_queue_tasks", "queue", where=_SCHEDULED), "queue"),
                    "{{queue}} scheduled",
                ),
                Query(total(stored("taskyard_queue_tasks", "queue", where=_RETRY), "queue"), "{{queue}} retry"),
            ),
            graph(
                "Due soon",
                "Tasks of all queues that are due within a period from now.",
                Query(total(stored("taskyard_queue_due_tasks", "queue", "within"), "within"), "within {{within}}"),
            ),
            graph(
                "Overdue",
                "Tasks that are due but not yet pending.",
                Query(total(stored("taskyard_queue_due_tasks", "queue", where=_OVERDUE), "queue"), "{{queue}}"),
                runbook="TaskyardTasksOverdue",
            ),
            graph(
                "Lateness",
                "Time from the due time of tasks to their promotion. Bursts of tasks with the same due time increase "
                "it.",
                Query(quantile(0.5, "taskyard_scheduler_lateness_seconds"), "p50"),
                Query(quantile(0.99, "taskyard_scheduler_lateness_seconds"), "p99"),
                unit="s",
                thresholds=((5, BAD),),
                runbook="TaskyardSchedulerLate",
            ),
        )
        .row(
            "Throughput",
            graph(
                "Promoted",
                "Due tasks promoted to pending per second.",
                Query(rate("taskyard_scheduler_promoted_total", "pod"), "{{pod}}"),
                unit="ops",
                stacked=True,
            ),
            graph(
                "Reclaimed",
                "Tasks reclaimed after an expired lease per second.",
                Query(rate("taskyard_scheduler_reclaimed_total", "pod"), "{{pod}}"),
                unit="ops",
                stacked=True,
                runbook="TaskyardLeasesLapse",
            ),
            graph(
                "Expired",
                "Completed and archived tasks deleted at the end of their retention, per second.",
                Query(rate("taskyard_scheduler_expired_total", "pod"), "{{pod}}"),
                unit="ops",
                stacked=True,
            ),
            graph(
                "Aged",
                "Pending tasks moved to a higher priority because they have waited long, per second.",
                Query(rate("taskyard_scheduler_aged_total", "pod"), "{{pod}}"),
                unit="ops",
                stacked=True,
            ),
            graph(
                "Retained tasks",
                "Completed and archived tasks within their retention.",
                Query(
                    total(
                        stored(
                            "taskyard_queue_tasks", "queue", "state", where=f'{IN_QUEUE}, state=~"completed|archived"'
                        ),
                        "state",
                    ),
                    "{{state}}",
                ),
                stacked=True,
            ),
        )
        .row("Processes", *processes("scheduler"))
    )
