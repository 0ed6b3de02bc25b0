"""Stand-in for the Deployment and ReplicaSet controllers, which a bare API server lacks."""

from __future__ import annotations

import asyncio
import itertools
from contextlib import suppress
from typing import Any

from tests.support.kubernetes import kinds
from tests.support.kubernetes.kube_client import KubeClient, NotFound, Object

COST = "controller.kubernetes.io/pod-deletion-cost"
POLL_S = 0.02


class ReplicaSets:
    """Creates and deletes the pods of every Deployment of a namespace.

    Pods are deleted in the order of Kubernetes' ReplicaSet controller: unready before ready, then by deletion cost,
    then the youngest.
    """

    def __init__(self, client: KubeClient) -> None:
        self._client = client
        self._numbers = itertools.count(1)
        self.deleted: list[str] = []
        self.starting = False
        """New pods stay unready."""

    async def run(self) -> None:
        while True:
            for deployment in await self._client.list(kinds.DEPLOYMENTS):
                # A test may have deleted it since; the next round does not list it.
                with suppress(NotFound):
                    await self._reconcile(deployment)
            await asyncio.sleep(POLL_S)

    async def _reconcile(self, deployment: Object) -> None:
        labels = deployment["spec"]["selector"]["matchLabels"]
        wanted = deployment["spec"].get("replicas", 1)
        pods = await self._client.list(kinds.PODS, ",".join(f"{name}={value}" for name, value in labels.items()))
        for pod in sorted(pods, key=_rank)[: max(0, len(pods) - wanted)]:
            self.deleted.append(pod["metadata"]["name"])
            await self._client.delete(kinds.PODS, pod["metadata"]["name"])
        for _ in range(wanted - len(pods)):
            await self._start(deployment, labels)
        await self._report(deployment, wanted, sum(map(is_ready, pods)))

    async def _start(self, deployment: Object, labels: dict[str, str]) -> None:
        name = f"{deployment['metadata']['name']}-{next(self._numbers):04}"
        spec = {"terminationGracePeriodSeconds": 30, "containers": [{"name": "worker", "image": "worker"}]}
        await self._client.create(kinds.PODS, {"metadata": {"name": name, "labels": labels}, "spec": spec})
        await self._client.patch(kinds.PODS, name, {"status": readiness(not self.starting)}, "status")

    async def _report(self, deployment: Object, wanted: int, ready: int) -> None:
        status: dict[str, Any] = {
            "observedGeneration": deployment["metadata"]["generation"],
            "replicas": wanted,
            "updatedReplicas": wanted,
            "readyReplicas": min(ready, wanted),
        }
        if deployment.get("status") != status and "frozen" not in deployment["metadata"].get("labels", {}):
            await self._client.patch(kinds.DEPLOYMENTS, deployment["metadata"]["name"], {"status": status}, "status")


def readiness(ready: bool) -> Object:
    return {"phase": "Running", "conditions": [{"type": "Ready", "status": "True" if ready else "False"}]}


def is_ready(pod: Object) -> bool:
    return any(
        each["type"] == "Ready" and each["status"] == "True" for each in pod.get("status", {}).get("conditions", [])
    )


def _rank(pod: Object) -> tuple[bool, int, str]:
    cost = int((pod["metadata"].get("annotations") or {}).get(COST, 0))
    return is_ready(pod), cost, "".join(chr(0x10FFFF - ord(each)) for each in pod["metadata"]["name"])
