"""How busy the workers are, and whether they keep their leases."""

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
        Board("workers", "Workers", "How busy the workers are, whether they keep their leases, what they cost.")
        .variable("pod", "Pod", 'label_values(taskyard_worker_slots{namespace=~"$namespace"}, pod)')
        .row(
            "Now",
            figure("Workers", "Pods that work.", f"count(taskyard_worker_slots{{{_OF_POD}}})"),
            figure("Slots", "Tasks that all of them can run at once.", f"sum({slots})"),
            figure("Busy slots", "Slots that are taken.", f"sum({busy})"),
            figure(
                "Load",
                "Busy slots as a share of all. Near 100 % tasks wait.",
                share(f"sum({busy})", f"sum({slots})"),
                unit="percentunit",
                thresholds=((0.9, WARN),),
            ),
            figure(
                "Stuck threads",
                "Threads of attempts that have ended but cannot be stopped; each keeps its slot until it ends.",
                f"sum(taskyard_worker_stuck_threads{{{_OF_POD}}})",
                thresholds=((1, WARN),),
                runbook="TaskyardWorkerThreadsStuck",
            ),
            figure(
                "Leases lost",
                "Leases that were lost while their task still ran, since the pods started.",
                f"sum(taskyard_worker_leases_lost_total{{{_OF_POD}}})",
                thresholds=NONE_ALLOWED,
                runbook="TaskyardLeasesLapse",
            ),
        )
        .row(
            "Slots",
            graph(
                "Load by pod",
                "Busy slots as a share of the pod's. Pods far apart: few long tasks, or one pod is stuck.",
                Query(share(busy, slots), "{{pod}}"),
                unit="percentunit",
                most=1,
                thresholds=((0.9, WARN),),
            ),
            graph(
                "Running time by pod",
                "How long attempts ran in each pod; where traces are on, dots lead to some of them.",
                Query(quantile(0.99, "taskyard_worker_task_duration_seconds", "pod", where=_OF_POD), "{{pod}} p99"),
                unit="s",
            ),
            graph("Busy slots by pod", "Tasks that each pod runs.", Query(busy, "{{pod}}"), stacked=True),
            graph(
                "Workers by queue",
                "Workers that serve each queue, and are alive.",
                Query(total(stored("taskyard_queue_workers", "queue", where=IN_NAMESPACE), "queue"), "{{queue}}"),
                thresholds=(),
                runbook="TaskyardNoWorkers",
            ),
            graph(
                "Slots by queue",
                "Slots of the workers that serve each queue; those that serve several count for each.",
                Query(total(stored("taskyard_queue_slots", "queue", where=IN_NAMESPACE), "queue"), "{{queue}}"),
            ),
        )
        .row(
            "Trouble",
            graph(
                "Leases lost",
                "Leases that lapsed while their task still ran, per second: the pod was frozen, its event loop "
                "blocked, or the store away for longer than the lease.",
                Query(rate("taskyard_worker_leases_lost_total", "pod", where=_OF_POD), "{{pod}}"),
                unit="ops",
                runbook="TaskyardLeasesLapse",
            ),
            graph(
                "Stale outcomes",
                "Outcomes that came too late, per second: another worker had leased the task meanwhile.",
                Query(rate("taskyard_worker_stale_settles_total", "pod", where=_OF_POD), "{{pod}}"),
                unit="ops",
                runbook="TaskyardLeasesLapse",
            ),
            graph(
                "Settles repeated",
                "Settle calls that were sent again because the store was away, per second.",
                Query(rate("taskyard_worker_settle_retries_total", "pod", where=_OF_POD), "{{pod}}"),
                unit="ops",
                runbook="TaskyardStoreNotReady",
            ),
            graph(
                "Stuck threads",
                "Threads of attempts that have ended but cannot be stopped.",
                Query(f"sum by (pod) (taskyard_worker_stuck_threads{{{_OF_POD}}})", "{{pod}}"),
                runbook="TaskyardWorkerThreadsStuck",
            ),
        )
        .row("Processes", *processes("worker"))
    )
