"""WorkerPool dashboard: desired and actual replicas, and the reasons for a difference."""

from __future__ import annotations

from deploy.dashboards.board import Board
from deploy.dashboards.panel import BAD, GOOD, UP, WARN, Query, figure, graph, listing
from deploy.dashboards.processes import processes
from deploy.dashboards.promql import IN_NAMESPACE, RATE, stored, total

_OF_POOL = f'{IN_NAMESPACE}, pool=~"$pool"'
_NAMED = "{{namespace}}/{{pool}}"


def workerpools() -> Board:
    """WorkerPools, as exported by the leading controller."""

    def pools(metric: str, *by: str) -> str:
        return f"max by ({', '.join(('namespace', 'pool', *by))}) ({metric}{{{_OF_POOL}}})"

    def changes(metric: str, *by: str) -> str:
        return f"sum by ({', '.join(('namespace', 'pool', *by))}) (increase({metric}{{{_OF_POOL}}}{RATE}))"

    return (
        Board(
            "workerpools",
            "WorkerPools",
            "Actual and desired replicas of each pool, and the conditions that limit its scaling.",
        )
        .variable("pool", "Pool", 'label_values(taskyard_workerpool_replicas{namespace=~"$namespace"}, pool)')
        .row(
            "Now",
            figure(
                "Pods",
                "Actual replicas of the selected pools.",
                f"sum({pools('taskyard_workerpool_replicas')})",
            ),
            figure(
                "Desired",
                "Replicas that the queues need, before stabilization windows and scaling policies.",
                f"sum({pools('taskyard_workerpool_desired_replicas')})",
            ),
            figure(
                "Limited",
                "Pools whose scaling is limited.",
                f"sum({pools('taskyard_workerpool_scaling_limited')})",
                thresholds=((1, WARN),),
            ),
            figure(
                "At maximum",
                "Pools that need more replicas than `maxReplicas`.",
                f'count(taskyard_workerpool_limited_by{{{_OF_POOL}, reason="MaxReplicas"}}) or vector(0)',
                thresholds=((1, WARN),),
                runbook="TaskyardWorkerPoolAtMaximum",
            ),
            figure(
                "Metrics",
                "Whether the controller has the metrics of all queues. Otherwise pools keep their size.",
                f"min({pools('taskyard_workerpool_metrics_available')})",
                thresholds=UP,
                words={0: "unavailable", 1: "available"},
                runbook="TaskyardControllerBlind",
            ),
            figure(
                "Controllers",
                "Running controllers: one leader, the others on standby.",
                f'count(taskyard_build_info{{{IN_NAMESPACE}, service="controller"}})',
                thresholds=((1, GOOD),),
            ),
        )
        .row(
            "Desired and actual",
            graph(
                "Pods",
                "Actual and desired replicas of each pool. Stabilization windows and scaling policies delay changes.",
                Query(pools("taskyard_workerpool_replicas"), f"{_NAMED} actual"),
                Query(pools("taskyard_workerpool_desired_replicas"), f"{_NAMED} desired"),
                runbook="TaskyardWorkerPoolAtMaximum",
            ),
            graph(
                "Slots needed",
                "Slots required by the pool's drain target: arrivals and backlog times seconds per task.",
                Query(pools("taskyard_workerpool_needed_slots"), _NAMED),
            ),
            graph(
                "Changes",
                "Changes of the number of replicas. Alternating directions suggest windows that are too short, or a "
                "fluctuating load.",
                Query(changes("taskyard_workerpool_scale_changes_total", "action"), f"{_NAMED} {{{{action}}}}"),
            ),
            graph(
                "Pending tasks",
                "Pending tasks of all queues of the namespace.",
                Query(
                    total(
                        stored("taskyard_queue_tasks", "queue", where=f'{IN_NAMESPACE}, state="pending"'),
                        "namespace",
                        "queue",
                    ),
                    "{{namespace}}/{{queue}}",
                ),
                runbook="TaskyardBacklogGrows",
            ),
        )
        .row(
            "Limits and failures",
            graph(
                "Limited by",
                "Reason why a pool does not reach its desired replicas, as in its conditions. "
                "docs/operations/workerpool.md explains each reason.",
                Query(pools("taskyard_workerpool_limited_by", "reason"), f"{_NAMED} {{{{reason}}}}"),
                most=1,
            ),
            graph(
                "Metrics available",
                "1 while the controller has the metrics of the pool's queues.",
                Query(pools("taskyard_workerpool_metrics_available"), _NAMED),
                most=1,
                thresholds=((1, GOOD),),
                runbook="TaskyardControllerBlind",
            ),
            graph(
                "Failures",
                "Failed reconciliations, by reason.",
                Query(
                    f"{changes('taskyard_workerpool_failures_total', 'reason')} or "
                    f"0 * {pools('taskyard_workerpool_replicas')}",
                    f"{_NAMED} {{{{reason}}}}",
                ),
                thresholds=((1, BAD),),
                runbook="TaskyardControllerBlind",
            ),
            listing(
                "Reasons",
                "Current limits of each pool. Empty columns mean no limit.",
                Query(pools("taskyard_workerpool_replicas"), "pods"),
                Query(pools("taskyard_workerpool_desired_replicas"), "desired"),
                Query(pools("taskyard_workerpool_limited_by", "reason"), "limited by the reason"),
            ),
        )
        .row("Processes", *processes("controller"))
    )
