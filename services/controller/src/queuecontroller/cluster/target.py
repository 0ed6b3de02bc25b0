"""Observed state of a scale target: a Deployment and its pods, as typed values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from queuecontroller.cluster.client import Cluster, Object
from queuecontroller.errors import ObjectNotFound, TargetNotFound
from queuecontroller.plan.scale_in import DELETION_COST, Pod

_TERMINATED = ("Succeeded", "Failed")


class TargetState(msgspec.Struct, frozen=True, kw_only=True):
    """The Deployment of a pool, as observed."""

    namespace: str
    name: str
    replicas: int
    """``spec.replicas``."""
    ready: int
    selector: str
    resource_version: str
    """Version of the scale, for optimistic locking."""
    rolling: bool
    """A rollout is in progress."""


async def observe_target(cluster: Cluster, namespace: str, name: str) -> TargetState:
    """The Deployment as it is now.

    Raises:
        TargetNotFound: there is no such Deployment.
        ClusterError: the Kubernetes API refused.
    """
    try:
        # First the version for the write: it is refused when the Deployment was changed after it was read, too.
        scale = await cluster.get_scale(namespace, name)
        deployment = await cluster.get_deployment(namespace, name)
    except ObjectNotFound:
        raise TargetNotFound(f"there is no Deployment {name} in namespace {namespace}") from None
    return TargetState(
        namespace=namespace,
        name=name,
        replicas=scale["spec"].get("replicas", 0),
        ready=deployment.get("status", {}).get("readyReplicas", 0),
        selector=scale.get("status", {}).get("selector", ""),
        resource_version=scale["metadata"]["resourceVersion"],
        rolling=_is_rolling(deployment),
    )


async def list_pods(cluster: Cluster, target: TargetState, running: Mapping[str, int]) -> list[Pod]:
    """The pods of ``target`` that are neither terminating nor terminated.

    Args:
        cluster: the Kubernetes API.
        target: the Deployment.
        running: pod -> tasks that it runs, for registered workers.
    """
    found = await cluster.list_pods(target.namespace, target.selector)
    return [_read_pod(each, running) for each in found if _is_alive(each)]


def _is_alive(pod: Object) -> bool:
    return "deletionTimestamp" not in pod["metadata"] and pod.get("status", {}).get("phase") not in _TERMINATED


def _read_pod(pod: Object, running: Mapping[str, int]) -> Pod:
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
