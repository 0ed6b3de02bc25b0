"""How many workers there are, how many there should be, and why they are not."""

from __future__ import annotations

from deploy.dashboards.board import Board
from deploy.dashboards.panel import BAD, GOOD, UP, WARN, Query, figure, graph, listing
from deploy.dashboards.processes import processes
from deploy.dashboards.promql import IN_NAMESPACE, RATE, stored, total

_OF_POOL = f'{IN_NAMESPACE}, pool=~"$pool"'
_NAMED = "{{namespace}}/{{pool}}"


def workerpools() -> Board:
    """WorkerPools, as the controller that leads tells of them."""

    def pools(metric: str, *by: str) -> str:
        return f"max by ({', '.join(('namespace', 'pool', *by))}) ({metric}{{{_OF_POOL}}})"

    def changes(metric: str, *by: str) -> str:
        return f"sum by ({', '.join(('namespace', 'pool', *by))}) (increase({metric}{{{_OF_POOL}}}{RATE}))"

    return (
        Board(
            "workerpools",
            "WorkerPools",
            "How many workers each pool has, how many its queues need, and what limits it.",
        )
        .variable("pool", "Pool", 'label_values(taskyard_workerpool_replicas{namespace=~"$namespace"}, pool)')
        .row(
            "Now",
            figure(
                "Pods",
                "Pods that the chosen pools have.",
                f"sum({pools('taskyard_workerpool_replicas')})",
            ),
            figure(
                "Wanted",
                "Pods that the queues need, before windows and steps.",
                f"sum({pools('taskyard_workerpool_desired_replicas')})",
            ),
            figure(
                "Limited",
                "Pools that something keeps from what their queues need.",
                f"sum({pools('taskyard_workerpool_scaling_limited')})",
                thresholds=((1, WARN),),
            ),
            figure(
                "At their maximum",
                "Pools that need more pods than `maxReplicas` allows.",
                f'count(taskyard_workerpool_limited_by{{{_OF_POOL}, reason="MaxReplicas"}}) or vector(0)',
                thresholds=((1, WARN),),
                runbook="TaskyardWorkerPoolAtMaximum",
            ),
            figure(
                "Metrics",
                "Whether the controller knows the state of all queues. While it does not, pools stay as they are.",
                f"min({pools('taskyard_workerpool_metrics_available')})",
                thresholds=UP,
                words={0: "blind", 1: "known"},
                runbook="TaskyardControllerBlind",
            ),
            figure(
                "Controllers",
                "Controllers that run: one leads, the others stand by.",
                f'count(taskyard_build_info{{{IN_NAMESPACE}, service="controller"}})',
                thresholds=((1, GOOD),),
            ),
        )
        .row(
            "Desired and actual",
            graph(
                "Pods",
                "Pods that each pool has, and those that its queues need. Between them lie windows and steps.",
                Query(pools("taskyard_workerpool_replicas"), f"{_NAMED} has"),
                Query(pools("taskyard_workerpool_desired_replicas"), f"{_NAMED} needs"),
                runbook="TaskyardWorkerPoolAtMaximum",
            ),
            graph(
                "Slots needed",
                "Slots that the pool's drain target asks for: arrivals and backlog times seconds per task.",
                Query(pools("taskyard_workerpool_needed_slots"), _NAMED),
            ),
            graph(
                "Changes",
                "Changes of the number of pods. Out and in by turns: windows are too short, or the load swings.",
                Query(changes("taskyard_workerpool_scale_changes_total", "action"), f"{_NAMED} {{{{action}}}}"),
            ),
            graph(
                "Waiting tasks",
                "Tasks that wait, of all queues of the namespace: what the pools are there for.",
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
            "Why",
            graph(
                "Limited by",
                "What keeps a pool from what its queues need, in the words of its conditions. "
                "docs/operations/workerpool.md says what to do about each.",
                Query(pools("taskyard_workerpool_limited_by", "reason"), f"{_NAMED} {{{{reason}}}}"),
                most=1,
            ),
            graph(
                "State of the queues known",
                "1 while the controller knows the state of the pool's queues.",
                Query(pools("taskyard_workerpool_metrics_available"), _NAMED),
                most=1,
                thresholds=((1, GOOD),),
                runbook="TaskyardControllerBlind",
            ),
            graph(
                "Failures",
                "Attempts to keep a pool that failed, by reason.",
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
                "What limits each pool now. Empty columns: nothing does.",
                Query(pools("taskyard_workerpool_replicas"), "pods"),
                Query(pools("taskyard_workerpool_desired_replicas"), "wanted"),
                Query(pools("taskyard_workerpool_limited_by", "reason"), "limited by the reason"),
            ),
        )
        .row("Processes", *processes("controller"))
    )
