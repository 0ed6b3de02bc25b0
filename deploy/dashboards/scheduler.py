"""Whether due tasks become pending in time, and lost ones run again."""

from __future__ import annotations

from deploy.dashboards.board import Board
from deploy.dashboards.panel import BAD, GOOD, NONE_ALLOWED, WARN, Query, figure, graph
from deploy.dashboards.processes import processes
from deploy.dashboards.promql import IN_NAMESPACE, IN_QUEUE, quantile, rate, stored, total

_SCHEDULED = f'{IN_QUEUE}, state="scheduled"'
_RETRY = f'{IN_QUEUE}, state="retry"'
_OVERDUE = f'{IN_QUEUE}, within="0s"'


def scheduler() -> Board:
    """The schedulers, and what is planned."""
    return (
        Board(
            "scheduler",
            "Scheduler and planned tasks",
            "What is planned, whether it becomes pending in time, and what was taken back from lost workers.",
        )
        .variable("queue", "Queue", 'label_values(taskyard_queue_tasks{namespace=~"$namespace"}, queue)')
        .row(
            "Now",
            figure(
                "Schedulers",
                "Schedulers that run. One does the work of all queues; the others stand by.",
                f'count(taskyard_build_info{{{IN_NAMESPACE}, service="scheduler"}})',
                thresholds=((1, GOOD),),
                runbook="TaskyardSchedulerAbsent",
            ),
            figure(
                "Scheduled",
                "Tasks that wait for their time.",
                f"sum({stored('taskyard_queue_tasks', 'queue', where=_SCHEDULED)})",
            ),
            figure(
                "Retries",
                "Failed tasks that wait to be tried again.",
                f"sum({stored('taskyard_queue_tasks', 'queue', where=_RETRY)})",
            ),
            figure(
                "Overdue",
                "Tasks that are due and not yet pending. More than a moment's worth: no scheduler does its work.",
                f"sum({stored('taskyard_queue_due_tasks', 'queue', where=_OVERDUE)})",
                thresholds=((100, WARN), (1000, BAD)),
                runbook="TaskyardTasksOverdue",
            ),
            figure(
                "Lateness, p99",
                "How long after their due time tasks became pending; one in a hundred was later.",
                quantile(0.99, "taskyard_scheduler_lateness_seconds"),
                unit="s",
                thresholds=((1, WARN), (5, BAD)),
                runbook="TaskyardSchedulerLate",
            ),
            figure(
                "Taken back",
                "Tasks that were taken back from workers whose lease had lapsed, since the schedulers started.",
                f"sum(taskyard_scheduler_reclaimed_total{{{IN_NAMESPACE}}})",
                thresholds=NONE_ALLOWED,
                runbook="TaskyardLeasesLapse",
            ),
        )
        .row(
            "Planned tasks",
            graph(
                "Scheduled and retry",
                "Tasks that wait for their time, and failed ones that wait to be tried again.",
                Query(
                    total(stored("taskyard_queue_tasks", "queue", where=_SCHEDULED), "queue"),
                    "{{queue}} scheduled",
                ),
                Query(total(stored("taskyard_queue_tasks", "queue", where=_RETRY), "queue"), "{{queue}} retry"),
            ),
            graph(
                "Falling due",
                "Tasks that will become pending within a time from now, all queues.",
                Query(total(stored("taskyard_queue_due_tasks", "queue", "within"), "within"), "within {{within}}"),
            ),
            graph(
                "Overdue",
                "Tasks that are due and not yet pending.",
                Query(total(stored("taskyard_queue_due_tasks", "queue", where=_OVERDUE), "queue"), "{{queue}}"),
                runbook="TaskyardTasksOverdue",
            ),
            graph(
                "Lateness",
                "How long after their due time tasks became pending. A burst at one instant takes its time.",
                Query(quantile(0.5, "taskyard_scheduler_lateness_seconds"), "p50"),
                Query(quantile(0.99, "taskyard_scheduler_lateness_seconds"), "p99"),
                unit="s",
                thresholds=((5, BAD),),
                runbook="TaskyardSchedulerLate",
            ),
        )
        .row(
            "Work done",
            graph(
                "Promoted",
                "Due tasks that were made pending, per second.",
                Query(rate("taskyard_scheduler_promoted_total", "pod"), "{{pod}}"),
                unit="ops",
                stacked=True,
            ),
            graph(
                "Taken back",
                "Tasks that were taken back from workers whose lease had lapsed, per second.",
                Query(rate("taskyard_scheduler_reclaimed_total", "pod"), "{{pod}}"),
                unit="ops",
                stacked=True,
                runbook="TaskyardLeasesLapse",
            ),
            graph(
                "Forgotten",
                "Ended tasks that were deleted at the end of their retention, per second.",
                Query(rate("taskyard_scheduler_expired_total", "pod"), "{{pod}}"),
                unit="ops",
                stacked=True,
            ),
            graph(
                "Ended tasks kept",
                "Completed and archived tasks that wait for the end of their retention.",
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
