"""Test bench of the controller: a namespace with a Deployment, its pods, pools and an API."""

from __future__ import annotations

from typing import Any

from queuecore.testing.waiting import eventually
from tests.support.kubernetes import kinds
from tests.support.kubernetes.cluster import ANY_IMAGE
from tests.support.kubernetes.kinds import Kind
from tests.support.kubernetes.kube_client import KubeClient, Object
from tests.support.kubernetes.queue_api import Queues
from tests.support.kubernetes.replica_sets import COST, ReplicaSets

WORKER = "worker"


class PoolNamespace:
    """One namespace of the test cluster, with the API stand-in that its pools read."""

    def __init__(
        self,
        client: KubeClient,
        queues: Queues,
        api_url: str,
        replica_sets: ReplicaSets | None,
        pod_image: str = ANY_IMAGE,
    ) -> None:
        self.client = client
        self.queues = queues
        self.api_url = api_url
        self.replica_sets = replica_sets
        self._pod_image = pod_image

    @property
    def namespace(self) -> str:
        return self.client.namespace

    def pool_spec(self, **changes: Any) -> Object:
        quick = {"stabilizationWindow": "0s", "policies": []}
        return {
            "scaleTargetRef": {"name": WORKER},
            "queues": ["default"],
            "maxReplicas": 10,
            "slotsPerReplica": 10,
            "target": {"tasksPerReplica": 10},
            "idleAfter": "0s",
            "behavior": {"scaleUp": quick, "scaleDown": quick | {"spareBusyPods": "Always"}},
            "metrics": {"endpoint": f"{self.api_url}/metrics", "timeout": "1s"},
            **changes,
        }

    async def create_deployment(self, replicas: int = 1, name: str = WORKER) -> None:
        labels = {"app": name}
        containers = [{"name": "worker", "image": self._pod_image}]
        template = {"metadata": {"labels": labels}, "spec": {"containers": containers}}
        spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
        await self.client.create(kinds.DEPLOYMENTS, {"metadata": {"name": name, "labels": labels}, "spec": spec})
        await eventually(lambda: self._has_ready_pods(replicas))

    async def create_pool(self, name: str = "pool", **changes: Any) -> None:
        await self.client.create(kinds.WORKER_POOLS, {"metadata": {"name": name}, "spec": self.pool_spec(**changes)})

    async def edit_pool(self, name: str = "pool", **changes: Any) -> None:
        await self.client.patch(kinds.WORKER_POOLS, name, {"spec": changes})

    async def replicas(self) -> int:
        found: int = (await self.client.get(kinds.DEPLOYMENTS, WORKER))["spec"]["replicas"]
        return found

    async def pods(self) -> list[str]:
        """Names of the pods that are not terminating."""
        found = await self.client.list(kinds.PODS, f"app={WORKER}")
        return [each["metadata"]["name"] for each in found if "deletionTimestamp" not in each["metadata"]]

    async def pods_are(self, names: list[str]) -> bool:
        return await self.pods() == names

    async def costs(self) -> dict[str, str]:
        """Pod -> deletion cost, for annotated pods."""
        found = {}
        for pod in await self.client.list(kinds.PODS, f"app={WORKER}"):
            cost = (pod["metadata"].get("annotations") or {}).get(COST)
            if cost is not None:
                found[pod["metadata"]["name"]] = cost
        return found

    async def status(self, name: str = "pool") -> Object:
        found: Object = (await self.client.get(kinds.WORKER_POOLS, name)).get("status") or {}
        return found

    async def condition(self, kind: str, name: str = "pool") -> tuple[str, str]:
        """Status and reason of a condition."""
        for each in (await self.status(name)).get("conditions", []):
            if each["type"] == kind:
                return each["status"], each["reason"]
        return "", ""

    async def reasons(self) -> list[str]:
        """The reasons of all Events of the namespace."""
        return [each["reason"] for each in await self.client.list(kinds.EVENTS)]

    async def wait_for_replicas(self, replicas: int) -> None:
        """Wait until the Deployment has ``replicas`` in its spec."""

        async def reached() -> bool:
            return await self.replicas() == replicas

        await eventually(reached)

    async def wait_for_failure(self, kind: str, reason: str, name: str = "pool") -> None:
        """Wait until a condition is ``False`` with a reason."""

        async def failed() -> bool:
            return await self.condition(kind, name) == ("False", reason)

        await eventually(failed)

    async def wait_for_condition(self, kind: str, name: str = "pool") -> None:
        """Wait until a condition is ``True``."""

        async def holds() -> bool:
            return (await self.condition(kind, name))[0] == "True"

        await eventually(holds)

    async def wait_for_limit(self, reason: str, name: str = "pool") -> None:
        """Wait until ScalingLimited is ``True`` with a reason."""

        async def limited() -> bool:
            return await self.condition("ScalingLimited", name) == ("True", reason)

        await eventually(limited)

    async def wait_for_reconcile(self, times: int = 3, name: str = "pool") -> None:
        """Wait until the controller has reconciled the pool: edit its spec and wait for ``observedGeneration``."""
        for number in range(times):
            await self.edit_pool(name, maxReplicas=11 + number)
            generation = (await self.client.get(kinds.WORKER_POOLS, name))["metadata"]["generation"]

            async def observed(generation: int = generation) -> bool:
                return bool((await self.status(name)).get("observedGeneration") == generation)

            await eventually(observed)

    async def delete(self, kind: Kind, name: str) -> None:
        await self.client.delete(kind, name)

    async def _has_ready_pods(self, number: int) -> bool:
        deployment = await self.client.get(kinds.DEPLOYMENTS, WORKER)
        return bool(deployment.get("status", {}).get("readyReplicas", 0) == number) or number == 0
