from __future__ import annotations

import pytest

from queuecore.testing.waiting import eventually
from tests.support.kubernetes import kinds
from tests.support.kubernetes.cluster import KubeServer
from tests.support.kubernetes.kube_api import Fault
from tests.support.kubernetes.objects import Refusal
from tests.support.kubernetes.pool_namespace import WORKER, PoolNamespace
from tests.support.kubernetes.queue_api import Queues
from tests.support.service_process import ServiceProcess

GARBAGE = "<html>no metrics</html>"
NAN = 'taskyard_queue_tasks{queue="default",state="pending"} NaN\n'
TWO_VALUES = (
    'taskyard_queue_tasks{queue="default",state="pending"} 1\ntaskyard_queue_tasks{queue="default",state="pending"} 2\n'
)


async def test_pool_says_so_when_its_deployment_is_missing(kept: PoolNamespace) -> None:
    kept.queues.pending = 30
    await kept.create_pool()
    await kept.stays("Ready", "TargetNotFound")

    await kept.create_deployment(1)

    await kept.has(3)
    await kept.is_well("Ready")
    assert "TargetNotFound" in await kept.reasons()
    await eventually(lambda: _has_event(kept, "ReadyAgain"))


@pytest.mark.parametrize(
    ("lie", "reason"),
    [
        ({"status": 500}, "ReadingFailed"),
        ({"delay_s": 1.5}, "ReadingFailed"),
        ({"text": GARBAGE}, "MetricsImplausible"),
        ({"text": NAN}, "MetricsImplausible"),
        ({"text": TWO_VALUES}, "MetricsImplausible"),
        ({"text": ""}, "MetricsMissing"),
        ({"pending": -1.0}, "MetricsImplausible"),
        ({"pending": 0.0, "oldest": 5.0}, "MetricsImplausible"),
    ],
    ids=["error", "slow", "garbage", "nan", "two-values", "no-queues", "negative", "contradictory"],
)
async def test_pool_holds_when_metrics_cannot_be_relied_on(
    kept: PoolNamespace, lie: dict[str, object], reason: str
) -> None:
    await kept.create_deployment(3)
    for name, value in lie.items():
        setattr(kept.queues, name, value)

    await kept.create_pool()
    await kept.stays("MetricsAvailable", reason)

    assert await kept.replicas() == 3
    decision = (await kept.status())["lastDecision"]
    assert (decision["action"], decision["reason"]) == ("Hold", reason)
    await eventually(lambda: _has_event(kept, reason))
    honest = Queues(pending=50)
    for name in lie:
        setattr(kept.queues, name, getattr(honest, name))
    kept.queues.pending = 50
    await kept.has(5)
    await kept.is_well("MetricsAvailable")


async def test_pool_holds_when_nobody_answers_for_its_metrics(kept: PoolNamespace) -> None:
    await kept.create_deployment(2)

    await kept.create_pool(metrics={"endpoint": "http://127.0.0.1:9/metrics"})

    await kept.stays("MetricsAvailable", "ReadingFailed")
    assert await kept.replicas() == 2


@pytest.mark.parametrize(
    ("refusal", "reason"),
    [
        (Refusal(403, "Forbidden", "no"), "Forbidden"),
        (Refusal(429, "TooManyRequests", "slow down", {"Retry-After": "1"}), "KubernetesUnavailable"),
        (Refusal(500, "InternalError", "broken"), "KubernetesUnavailable"),
        (Refusal(422, "Invalid", "odd"), "KubernetesRefused"),
    ],
    ids=["403", "429", "500", "422"],
)
async def test_pool_recovers_when_kubernetes_refused_for_a_while(
    kept: PoolNamespace, cluster: KubeServer, refusal: Refusal, reason: str
) -> None:
    api = cluster.need_stand_in()
    await kept.create_deployment(1)
    kept.queues.pending = 40
    api.faults.append(Fault("PATCH", f"{kept.namespace}.*/scale$", refusal))

    await kept.create_pool()
    await kept.stays("Ready", reason)

    assert await kept.replicas() == 1
    api.faults.clear()
    await kept.has(4)
    await kept.is_well("Ready")


async def test_pool_decides_anew_when_somebody_else_was_faster(
    kept: PoolNamespace, cluster: KubeServer, controller: ServiceProcess
) -> None:
    api = cluster.need_stand_in()
    await kept.create_deployment(1)
    kept.queues.pending = 40
    conflict = Refusal(409, "Conflict", "the object has been modified")
    api.faults.append(Fault("PATCH", f"{kept.namespace}.*/scale$", conflict))

    await kept.create_pool()
    labels = f'{{namespace="{kept.namespace}",pool="pool",reason="Conflict"}}'
    await eventually(lambda: controller.find_metric(f"taskyard_workerpool_failures_total{labels}"))

    assert await kept.condition("Ready") != ("False", "Conflict")
    api.faults.clear()
    await kept.has(4)


async def test_pool_is_kept_when_its_status_cannot_be_written(kept: PoolNamespace, cluster: KubeServer) -> None:
    api = cluster.need_stand_in()
    await kept.create_deployment(1)
    kept.queues.pending = 40
    api.faults.append(Fault("PATCH", f"{kept.namespace}.*/status$", Refusal(500, "InternalError", "broken")))

    await kept.create_pool()

    await kept.has(4)
    api.faults.clear()
    await eventually(kept.status)
    assert (await kept.status())["replicas"] == 4


@pytest.mark.parametrize("forgetful", [False, True], ids=["cut", "gone"])
async def test_pools_are_followed_when_watches_were_dropped(
    kept: PoolNamespace, cluster: KubeServer, forgetful: bool
) -> None:
    api = cluster.need_stand_in()
    await kept.create_deployment(1)
    await kept.create_pool(minReplicas=1)
    await kept.decided(1)

    if forgetful:
        cluster.background.call(api.objects.forget_changes)
    assert cluster.background.call(api.drop_watches)
    await kept.edit_pool(minReplicas=2)
    await kept.has(2)

    await kept.create_deployment(1, name="other")
    await kept.create_pool("second", scaleTargetRef={"name": "other"}, minReplicas=3)

    async def followed() -> bool:
        return (await kept.status("second")).get("replicas") == 3

    await eventually(followed)


async def test_younger_pool_is_refused_when_two_have_the_same_target(kept: PoolNamespace) -> None:
    await kept.create_deployment(1)
    await kept.create_pool("a-older", minReplicas=2)
    await kept.has(2)
    older = await kept.client.get(kinds.WORKER_POOLS, "a-older")

    async def is_later() -> bool:
        # Kubernetes counts creation times in whole seconds.
        probe = await kept.client.create(kinds.DEPLOYMENTS, _bystander())
        await kept.delete(kinds.DEPLOYMENTS, "bystander")
        return bool(probe["metadata"]["creationTimestamp"] > older["metadata"]["creationTimestamp"])

    await eventually(is_later)
    await kept.create_pool("younger", minReplicas=7)
    await kept.stays("Ready", "TargetClaimed", "younger")
    assert await kept.replicas() == 2

    await kept.delete(kinds.WORKER_POOLS, "a-older")
    await kept.has(7)


async def test_pool_is_refused_when_an_autoscaler_has_its_target(kept: PoolNamespace) -> None:
    await kept.create_deployment(1)
    kept.queues.pending = 40
    ref = {"apiVersion": "apps/v1", "kind": "Deployment", "name": WORKER}
    spec = {"scaleTargetRef": ref, "minReplicas": 1, "maxReplicas": 3}
    await kept.client.create(kinds.AUTOSCALERS, {"metadata": {"name": "hpa"}, "spec": spec})

    await kept.create_pool()
    await kept.stays("Ready", "TargetHasAutoscaler")

    assert await kept.replicas() == 1
    message = next(each["message"] for each in (await kept.status())["conditions"] if each["type"] == "Ready")
    assert "HorizontalPodAutoscaler hpa" in message
    await kept.delete(kinds.AUTOSCALERS, "hpa")
    await kept.has(4)


async def test_deployment_stays_as_it_is_when_its_pool_is_deleted(
    kept: PoolNamespace, controller: ServiceProcess
) -> None:
    await kept.create_deployment(1)
    kept.queues.pending = 40
    await kept.create_pool()
    await kept.has(4)
    series = f'taskyard_workerpool_replicas{{namespace="{kept.namespace}",pool="pool"}}'
    await eventually(lambda: controller.find_metric(series))

    await kept.delete(kinds.WORKER_POOLS, "pool")

    async def forgotten() -> bool:
        return await controller.find_metric(series) is None

    await eventually(forgotten)
    kept.queues.pending = 90
    assert await kept.replicas() == 4
    assert await kept.costs() == {}


async def test_pool_says_so_when_its_spec_is_nonsense(kept: PoolNamespace, cluster: KubeServer) -> None:
    api = cluster.need_stand_in()
    await kept.create_deployment(2)
    await kept.create_pool(minReplicas=2)
    await kept.decided(1)

    api.checks_pools = False
    await kept.edit_pool(maxReplicas="many")
    await kept.stays("Ready", "InvalidSpec")
    message = next(each["message"] for each in (await kept.status())["conditions"] if each["type"] == "Ready")
    assert "maxReplicas" in message
    assert await kept.replicas() == 2

    await kept.edit_pool(maxReplicas=5, minReplicas=3)
    await kept.has(3)


async def test_pool_is_kept_when_its_status_is_nonsense(kept: PoolNamespace) -> None:
    await kept.create_deployment(1)
    kept.queues.pending = 30
    await kept.create_pool(paused=True)
    await kept.client.patch(
        kinds.WORKER_POOLS, "pool", {"status": {"idleSince": "2020-01-01T00:00:00Z", "replicas": 900}}, "status"
    )

    await kept.edit_pool(paused=False)

    await kept.has(3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"minReplicas": 20}, "minReplicas must not be more than maxReplicas"),
        ({"target": {"utilization": 50}}, "one of drain and tasksPerReplica must be set"),
        ({"target": {"drain": "0s"}}, "must be from 1s to 24h"),
        ({"maxReplicas": 0}, "0 is less than the minimum of 1"),
    ],
)
async def test_kubernetes_refuses_a_pool_when_it_is_nonsense(
    namespace: PoolNamespace, changes: dict[str, object], message: str
) -> None:
    spec = namespace.pool_spec(**changes)

    answer = await namespace.client.try_create(kinds.WORKER_POOLS, {"metadata": {"name": "pool"}, "spec": spec})

    assert answer.status_code == 422
    assert message in answer.text


def _bystander() -> dict[str, object]:
    labels = {"app": "bystander"}
    containers = [{"name": "bystander", "image": "registry.k8s.io/pause:3.10"}]
    template = {"metadata": {"labels": labels}, "spec": {"containers": containers}}
    spec = {"replicas": 0, "selector": {"matchLabels": labels}, "template": template}
    return {"metadata": {"name": "bystander"}, "spec": spec}


async def _has_event(namespace: PoolNamespace, reason: str) -> bool:
    return reason in await namespace.reasons()
