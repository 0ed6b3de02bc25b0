"""Apply a decision: the only code that writes to the scale of Deployments and to pods."""

from __future__ import annotations

import asyncio

from queuecontroller.cluster.client import Cluster
from queuecontroller.cluster.target import TargetState, list_pods, observe_target
from queuecontroller.errors import ObjectConflict, ObjectNotFound, ReadingFailed
from queuecontroller.metrics.http import EndpointClient
from queuecontroller.metrics.workers import read_running
from queuecontroller.plan.decision import Decision
from queuecontroller.plan.planner import block, limit_scale_in
from queuecontroller.plan.scale_in import (
    DELETION_COST,
    Pod,
    assign_deletion_costs,
    find_removable,
    find_stale_marks,
    may_drain,
)
from queuecontroller.plan.spec import PoolSpec


class Applier:
    """Applies decisions to Deployments.

    Scale-in is a two-phase protocol, because a ReplicaSet chooses the pods that it deletes: mark idle pods with a low
    deletion cost, wait until the ReplicaSet controller has seen it, check again that they are idle, lower the scale.

    Args:
        cluster: the Kubernetes API.
        endpoints: sends requests to the API's list of workers.
        wait_s: how long the ReplicaSet controller gets to observe deletion costs, in seconds.
    """

    def __init__(self, cluster: Cluster, endpoints: EndpointClient, wait_s: float) -> None:
        self._cluster = cluster
        self._endpoints = endpoints
        self._wait_s = wait_s

    async def apply(self, spec: PoolSpec, target: TargetState, decision: Decision) -> Decision:
        """Apply ``decision`` to ``target``.

        Returns:
            The decision as applied: a scale-in may remove fewer pods than planned, because busy pods stay.

        Raises:
            ObjectConflict: another client changed the Deployment since it was observed.
            ClusterError: the Kubernetes API refused.
        """
        if decision.action == "ScaleOut":
            await self._cluster.set_scale(target.namespace, target.name, decision.desired, target.resource_version)
        if decision.action == "ScaleIn":
            return await self._scale_in(spec, target, decision)
        return decision

    async def clear_marks(self, target: TargetState) -> None:
        """Remove all removal marks from pods of ``target``."""
        await self._clear_stale_marks(target, await list_pods(self._cluster, target, {}), [])

    async def _scale_in(self, spec: PoolSpec, target: TargetState, decision: Decision) -> Decision:
        if target.rolling:
            # Old and new pods belong to two ReplicaSets, each of which would choose pods by itself.
            return block(decision, "Rollout")
        try:
            decision, selected = await self._select_pods(spec, target, decision)
            if selected:
                await self._mark(target, selected)
                await asyncio.sleep(self._wait_s)
                decision = await self._recheck(spec, target, decision, selected)
        except ReadingFailed:
            return block(decision, "WorkersUnknown")
        if decision.action == "ScaleIn":
            latest = await observe_target(self._cluster, target.namespace, target.name)
            if latest.replicas != target.replicas:
                raise ObjectConflict(f"Deployment {target.name} was scaled to {latest.replicas} by another client")
            if latest.rolling:
                return block(decision, "Rollout")
            await self._cluster.set_scale(target.namespace, target.name, decision.desired, latest.resource_version)
        return decision

    async def _select_pods(self, spec: PoolSpec, target: TargetState, decision: Decision) -> tuple[Decision, list[Pod]]:
        """``decision`` limited to removable pods, and the pods to mark for removal."""
        pods = await self._list_pods(spec, target)
        removable = self._find_removable(spec, pods, decision)
        limited = limit_scale_in(decision, len(pods) - len(removable), _count_busy(pods))
        if limited.action == "Hold":
            return limited, []
        return limited, removable[: max(0, len(pods) - limited.desired)]

    async def _recheck(self, spec: PoolSpec, target: TargetState, decision: Decision, marked: list[Pod]) -> Decision:
        """``decision`` without the marked pods that have got work since, or that have disappeared.

        A ReplicaSet has already replaced a pod that disappeared; lowering the scale for it would remove another one.
        """
        pods = await self._list_pods(spec, target)
        names = {pod.name for pod in marked}
        removable = [pod for pod in self._find_removable(spec, pods, decision) if pod.name in names]
        limited = limit_scale_in(decision, len(pods) - len(removable), _count_busy(pods))
        still_marked = [pod.name for pod in removable[: max(0, len(pods) - limited.desired)]]
        await self._clear_stale_marks(target, pods, still_marked)
        return limited

    def _find_removable(self, spec: PoolSpec, pods: list[Pod], decision: Decision) -> list[Pod]:
        longest_task_s = decision.load.longest_task_s if decision.load else 0.0
        drain = may_drain(spec.behavior.scale_down.spare_busy_pods, longest_task_s, pods)
        return find_removable(pods, drain=drain)

    async def _list_pods(self, spec: PoolSpec, target: TargetState) -> list[Pod]:
        try:
            running = await read_running(self._endpoints, spec.metrics)
        except ReadingFailed:
            if spec.behavior.scale_down.spare_busy_pods != "Never":
                raise
            running = {}
        return await list_pods(self._cluster, target, running)

    async def _mark(self, target: TargetState, pods: list[Pod]) -> None:
        for name, cost in assign_deletion_costs(pods).items():
            await self._set_deletion_cost(target, name, cost)

    async def _clear_stale_marks(self, target: TargetState, pods: list[Pod], marked: list[str]) -> None:
        for name in find_stale_marks(pods, marked):
            await self._set_deletion_cost(target, name, None)

    async def _set_deletion_cost(self, target: TargetState, pod: str, cost: str | None) -> None:
        try:
            await self._cluster.annotate_pod(target.namespace, pod, {DELETION_COST: cost})
        except ObjectNotFound:
            return  # The pod has already been deleted.


def _count_busy(pods: list[Pod]) -> int:
    return sum(pod.is_busy for pod in pods)
