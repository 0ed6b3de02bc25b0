"""Worker dashboard: utilization, leases and resources of worker pods."""

from __future__ import annotations

from deploy.dashboards.board import Board
from deploy.dashboards.panel import NONE_ALLOWED, WARN, Query, figure, graph
from deploy.dashboards.processes import processes
from deploy.dashboards.promql import IN_NAMESPACE, quantile, rate, share, stored, total

_OF_POD = f'{IN_NAMESPACE}, pod=~"$pod"'


def workers() -> Board:
    """All worker pods."""
    slots = f"sum by (pod) (taskyard_worker_slots{{{_OF_POD}}})"
    busy = f"sum by (pod) (taskyard_worker_busy_slots{{{_OF_POD}}})"
    return (
        Board("workers", "Workers", "Utilization, leases and resources of the worker pods.")
        .variable("pod", "Pod", 'label_values(taskyard_worker_slots{namespace=~"$namespace"}, pod)')
        .row(
            "Now",
            figure("Workers", "Worker pods.", f"count(taskyard_worker_slots{{{_OF_POD}}})"),
            figure("Slots", "Tasks that all workers can run concurrently.", f"sum({slots})"),
            figure("Busy slots", "Slots in use.", f"sum({busy})"),
            figure(
                "Load",
                "Busy slots as a share of all slots. Near 100 % tasks wait.",
                share(f"sum({busy})", f"sum({slots})"),
                unit="percentunit",
                thresholds=((0.9, WARN),),
            ),
            figure(
                "Stuck threads",
                "Threads still running after the end of their attempt. Each occupies a slot until it ends.",
                f"sum(taskyard_worker_stuck_threads{{{_OF_POD}}})",
                thresholds=((1, WARN),),
                runbook="TaskyardWorkerThreadsStuck",
            ),
            figure(
                "Leases lost",
                "Leases lost while their task was running, since the pods started.",
                f"sum(taskyard_worker_leases_lost_total{{{_OF_POD}}})",
                thresholds=NONE_ALLOWED,
                runbook="TaskyardLeasesLapse",
            ),
        )
        .row(
            "Slots",
            graph(
                "Load by pod",
                "Busy slots as a share of the pod's slots. Large differences suggest few long tasks, or a stuck pod.",
                Query(share(busy, slots), "{{pod}}"),
                unit="percentunit",
                most=1,
                thresholds=((0.9, WARN),),
            ),
            graph(
                "Run time by pod",
                "Duration of attempts by pod. With tracing, exemplars link to traces.",
                Query(quantile(0.99, "taskyard_worker_task_duration_seconds", "pod", where=_OF_POD), "{{pod}} p99"),
                unit="s",
            ),
            graph("Busy slots by pod", "Running tasks of each pod.", Query(busy, "{{pod}}"), stacked=True),
            graph(
                "Workers by queue",
                "Live workers that serve each queue.",
                Query(total(stored("taskyard_queue_workers", "queue", where=IN_NAMESPACE), "queue"), "{{queue}}"),
                thresholds=(),
                runbook="TaskyardNoWorkers",
            ),
            graph(
                "Slots by queue",
                "Slots of the workers that serve each queue. Workers of several queues count for each.",
                Query(total(stored("taskyard_queue_slots", "queue", where=IN_NAMESPACE), "queue"), "{{queue}}"),
            ),
        )
        .row(
            "Failures",
            graph(
                "Leases lost",
                "Leases per second that expired while their task was running: the pod was frozen, its event loop "
                "blocked, or the store unreachable for longer than the lease.",
                Query(rate("taskyard_worker_leases_lost_total", "pod", where=_OF_POD), "{{pod}}"),
                unit="ops",
                runbook="TaskyardLeasesLapse",
            ),
            graph(
                "Stale outcomes",
                "Late outcomes per second, rejected because another worker had leased the task.",
                Query(rate("taskyard_worker_stale_settles_total", "pod", where=_OF_POD), "{{pod}}"),
                unit="ops",
                runbook="TaskyardLeasesLapse",
            ),
            graph(
                "Settle retries",
                "Settle calls per second retried because the store was unreachable.",
                Query(rate("taskyard_worker_settle_retries_total", "pod", where=_OF_POD), "{{pod}}"),
                unit="ops",
                runbook="TaskyardStoreNotReady",
            ),
            graph(
                "Stuck threads",
                "Threads still running after the end of their attempt.",
                Query(f"sum by (pod) (taskyard_worker_stuck_threads{{{_OF_POD}}})", "{{pod}}"),
                runbook="TaskyardWorkerThreadsStuck",
            ),
        )
        .row("Processes", *processes("worker"))
    )
