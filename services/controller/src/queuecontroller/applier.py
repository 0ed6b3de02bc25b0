"""Carrying a decision out: the one module that changes anything but statuses."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from queuecontroller.cluster.client import Cluster, Object
from queuecontroller.errors import ObjectChanged, ObjectMissing, ReadingFailed, TargetMissing
from queuecontroller.metrics.http import Endpoints
from queuecontroller.metrics.workers import read_running
from queuecontroller.plan.decision import Decision
from queuecontroller.plan.planner import keep, spare
from queuecontroller.plan.scale_in import DELETION_COST, Pod, find_removable, mark, may_drain, unmark
from queuecontroller.plan.spec import PoolSpec

_GONE = ("Succeeded", "Failed")


class TargetState(msgspec.Struct, frozen=True, kw_only=True):
    """A pool's Deployment."""

    namespace: str
    name: str
    replicas: int
    """Pods that there are to be."""
    ready: int
    selector: str
    version: str
    rolling: bool
    """Whether pods are being replaced by those of another template."""


class Applier:
    """Changes the number of pods.

    Args:
        cluster: where.
        endpoints: to ask which pods are busy.
        wait_s: how long the ReplicaSet controller gets to see the deletion costs.
    """

    def __init__(self, cluster: Cluster, endpoints: Endpoints, wait_s: float) -> None:
        self._cluster = cluster
        self._endpoints = endpoints
        self._wait_s = wait_s

    async def look(self, namespace: str, name: str) -> TargetState:
        """The Deployment as it is.

        Raises:
            TargetMissing: there is none.
            ClusterError: the Kubernetes API refused.
        """
        try:
            deployment = await self._cluster.get_deployment(namespace, name)
            scale = await self._cluster.get_scale(namespace, name)
        except ObjectMissing:
            raise TargetMissing(f"there is no Deployment {name} in namespace {namespace}") from None
        return TargetState(
            namespace=namespace,
            name=name,
            replicas=scale["spec"].get("replicas", 0),
            ready=deployment.get("status", {}).get("readyReplicas", 0),
            selector=scale.get("status", {}).get("selector", ""),
            version=scale["metadata"]["resourceVersion"],
            rolling=_is_rolling(deployment),
        )

    async def apply(self, spec: PoolSpec, target: TargetState, decision: Decision) -> Decision:
        """Carry ``decision`` out.

        Returns:
            What was done: fewer pods may have gone than was decided, as busy ones stay.

        Raises:
            ObjectChanged: somebody else has changed the Deployment meanwhile.
            ClusterError: the Kubernetes API refused.
        """
        if decision.action == "ScaleOut":
            await self._cluster.set_scale(target.namespace, target.name, decision.desired, target.version)
        if decision.action == "ScaleIn":
            return await self._scale_in(spec, target, decision)
        return decision

    async def clean(self, target: TargetState) -> None:
        """Take the marks of pods away that were to go and have stayed."""
        await self._unmark(target, await self._pods(target, {}), [])

    async def _scale_in(self, spec: PoolSpec, target: TargetState, decision: Decision) -> Decision:
        if target.rolling:
            # Old and new pods belong to two ReplicaSets, each of which would choose for itself.
            return keep(decision, "Rollout")
        try:
            decision, victims = await self._choose(spec, target, decision)
            if victims:
                await self._mark(target, victims)
                await asyncio.sleep(self._wait_s)
                decision = await self._confirm(spec, target, decision, victims)
        except ReadingFailed:
            return keep(decision, "WorkersUnknown")
        if decision.action == "ScaleIn":
            now = await self.look(target.namespace, target.name)
            if now.replicas != target.replicas:
                raise ObjectChanged(f"Deployment {target.name} was scaled to {now.replicas} by somebody else")
            await self._cluster.set_scale(target.namespace, target.name, decision.desired, now.version)
        return decision

    async def _choose(self, spec: PoolSpec, target: TargetState, decision: Decision) -> tuple[Decision, list[Pod]]:
        """The decision less the pods that must stay, and the pods that go."""
        pods = await self._known_pods(spec, target)
        removable = self._removable(spec, pods, decision)
        spared = spare(decision, len(pods) - len(removable), _busy(pods))
        if spared.action == "Hold":
            return spared, []
        return spared, removable[: max(0, len(pods) - spared.desired)]

    async def _confirm(self, spec: PoolSpec, target: TargetState, decision: Decision, victims: list[Pod]) -> Decision:
        """``decision`` less those victims that have got work, or are gone: a ReplicaSet replaces these by itself."""
        pods = await self._known_pods(spec, target)
        chosen = {pod.name for pod in victims}
        removable = [pod for pod in self._removable(spec, pods, decision) if pod.name in chosen]
        confirmed = spare(decision, len(pods) - len(removable), _busy(pods))
        await self._unmark(target, pods, [pod.name for pod in removable[: max(0, len(pods) - confirmed.desired)]])
        return confirmed

    def _removable(self, spec: PoolSpec, pods: list[Pod], decision: Decision) -> list[Pod]:
        longest_task_s = decision.load.longest_task_s if decision.load else 0.0
        drain = may_drain(spec.behavior.scale_down.spare_busy_pods, longest_task_s, pods)
        return find_removable(pods, drain=drain)

    async def _known_pods(self, spec: PoolSpec, target: TargetState) -> list[Pod]:
        try:
            running = await read_running(self._endpoints, spec.metrics)
        except ReadingFailed:
            if spec.behavior.scale_down.spare_busy_pods != "Never":
                raise
            running = {}
        return await self._pods(target, running)

    async def _pods(self, target: TargetState, running: Mapping[str, int]) -> list[Pod]:
        found = await self._cluster.list_pods(target.namespace, target.selector)
        return [_pod(each, running) for each in found if _is_alive(each)]

    async def _mark(self, target: TargetState, victims: list[Pod]) -> None:
        for name, cost in mark(victims).items():
            await self._annotate(target, name, cost)

    async def _unmark(self, target: TargetState, pods: Iterable[Pod], victims: list[str]) -> None:
        for name in unmark(pods, victims):
            await self._annotate(target, name, None)

    async def _annotate(self, target: TargetState, pod: str, cost: str | None) -> None:
        try:
            await self._cluster.annotate_pod(target.namespace, pod, {DELETION_COST: cost})
        except ObjectMissing:
            return  # It is gone already.


def _busy(pods: list[Pod]) -> int:
    return sum(pod.is_busy for pod in pods)


def _is_alive(pod: Object) -> bool:
    return "deletionTimestamp" not in pod["metadata"] and pod.get("status", {}).get("phase") not in _GONE


def _pod(pod: Object, running: Mapping[str, int]) -> Pod:
    metadata, status = pod["metadata"], pod.get("status", {})
    conditions: list[Mapping[str, Any]] = status.get("conditions") or []
    return Pod(
        name=metadata["name"],
        ready=any(each.get("type") == "Ready" and each.get("status") == "True" for each in conditions),
        running=running.get(metadata["name"]),
        cost=(metadata.get("annotations") or {}).get(DELETION_COST),
        grace_s=pod.get("spec", {}).get("terminationGracePeriodSeconds", 30),
    )


def _is_rolling(deployment: Object) -> bool:
    status, metadata = deployment.get("status", {}), deployment["metadata"]
    if status.get("observedGeneration", 0) < metadata.get("generation", 0):
        return True
    return bool(status.get("updatedReplicas", 0) < status.get("replicas", 0))
