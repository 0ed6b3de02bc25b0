"""Conflicting autoscalers: other WorkerPools and HorizontalPodAutoscalers with the same target."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from queuecontroller.cluster.client import Cluster
from queuecontroller.errors import TargetConflict
from queuecontroller.plan.spec import TargetRef


class Claim(NamedTuple):
    """A pool's claim on its target. The smallest claim of a target, that of its oldest pool, wins."""

    created: str
    uid: str
    name: str


async def check_conflicts(
    cluster: Cluster, namespace: str, ref: TargetRef, own: Claim, claims: Iterable[Claim]
) -> None:
    """Check that a pool is the only autoscaler of its target.

    Args:
        cluster: the Kubernetes API.
        namespace: the namespace of the pool and its target.
        ref: the target.
        own: the pool's claim.
        claims: the claims of all pools on the target.

    Raises:
        TargetConflict: an older WorkerPool or a HorizontalPodAutoscaler has the same target.
        ClusterError: the Kubernetes API refused.
    """
    oldest = min((*claims, own))
    if oldest.uid != own.uid:
        raise TargetConflict(
            "TargetClaimed", f"Deployment {ref.name} is already scaled by the older WorkerPool {oldest.name}"
        )
    for autoscaler in await cluster.list_autoscalers(namespace):
        other = autoscaler["spec"]["scaleTargetRef"]
        if (other.get("kind"), other.get("name")) == (ref.kind, ref.name):
            name = autoscaler["metadata"]["name"]
            raise TargetConflict(
                "TargetHasAutoscaler",
                f"Deployment {ref.name} is scaled by the HorizontalPodAutoscaler {name} too: delete one of the two",
            )
