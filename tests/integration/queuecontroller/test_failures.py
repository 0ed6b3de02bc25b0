from __future__ import annotations

import pytest

from queuecore.testing.waiting import eventually
from tests.support.kubernetes import kinds
from tests.support.kubernetes.cluster import ANY_IMAGE, KubeServer
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


async def test_pool_reports_target_not_found_when_its_deployment_is_missing(reconciled: PoolNamespace) -> None:
    reconciled.queues.pending = 30
    await reconciled.create_pool()
    await reconciled.wait_for_failure("Ready", "TargetNotFound")

    await reconciled.create_deployment(1)

    await reconciled.wait_for_replicas(3)
    await reconciled.wait_for_condition("Ready")
    assert "TargetNotFound" in await reconciled.reasons()
    await eventually(lambda: _has_event(reconciled, "ReadyAgain"))


@pytest.mark.parametrize(
    ("fault", "reason"),
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
async def test_pool_holds_when_metrics_are_unusable(
    reconciled: PoolNamespace, fault: dict[str, object], reason: str
) -> None:
    await reconciled.create_deployment(3)
    for name, value in fault.items():
        setattr(reconciled.queues, name, value)

    await reconciled.create_pool()
    await reconciled.wait_for_failure("MetricsAvailable", reason)

    assert await reconciled.replicas() == 3
    decision = (await reconciled.status())["lastDecision"]
    assert (decision["action"], decision["reason"]) == ("Hold", reason)
    await eventually(lambda: _has_event(reconciled, reason))
    healthy = Queues(pending=50)
    for name in fault:
        setattr(reconciled.queues, name, getattr(healthy, name))
    reconciled.queues.pending = 50
    await reconciled.wait_for_replicas(5)
    await reconciled.wait_for_condition("MetricsAvailable")


async def test_pool_holds_when_its_metrics_endpoint_is_unreachable(reconciled: PoolNamespace) -> None:
    await reconciled.create_deployment(2)

    await reconciled.create_pool(metrics={"endpoint": "http://127.0.0.1:9/metrics"})

    await reconciled.wait_for_failure("MetricsAvailable", "ReadingFailed")
    assert await reconciled.replicas() == 2


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
async def test_pool_recovers_when_kubernetes_rejects_requests_for_a_while(
    reconciled: PoolNamespace, cluster: KubeServer, refusal: Refusal, reason: str
) -> None:
    api = cluster.need_stand_in()
    await reconciled.create_deployment(1)
    reconciled.queues.pending = 40
    api.faults.append(Fault("PATCH", f"{reconciled.namespace}.*/scale$", refusal))

    await reconciled.create_pool()
    await reconciled.wait_for_failure("Ready", reason)

    assert await reconciled.replicas() == 1
    api.faults.clear()
    await reconciled.wait_for_replicas(4)
    await reconciled.wait_for_condition("Ready")


async def test_pool_is_reconciled_again_when_a_write_conflicts(
    reconciled: PoolNamespace, cluster: KubeServer, controller: ServiceProcess
) -> None:
    api = cluster.need_stand_in()
    await reconciled.create_deployment(1)
    reconciled.queues.pending = 40
    conflict = Refusal(409, "Conflict", "the object has been modified")
    api.faults.append(Fault("PATCH", f"{reconciled.namespace}.*/scale$", conflict))

    await reconciled.create_pool()
    labels = f'{{namespace="{reconciled.namespace}",pool="pool",reason="Conflict"}}'
    await eventually(lambda: controller.find_metric(f"taskyard_workerpool_failures_total{labels}"))

    assert await reconciled.condition("Ready") != ("False", "Conflict")
    api.faults.clear()
    await reconciled.wait_for_replicas(4)


async def test_pool_scales_when_its_status_cannot_be_written(reconciled: PoolNamespace, cluster: KubeServer) -> None:
    api = cluster.need_stand_in()
    await reconciled.create_deployment(1)
    reconciled.queues.pending = 40
    api.faults.append(Fault("PATCH", f"{reconciled.namespace}.*/status$", Refusal(500, "InternalError", "broken")))

    await reconciled.create_pool()

    await reconciled.wait_for_replicas(4)
    api.faults.clear()
    await eventually(reconciled.status)
    assert (await reconciled.status())["replicas"] == 4


@pytest.mark.parametrize("compacted", [False, True], ids=["closed", "compacted"])
async def test_pools_are_reconciled_when_watches_were_dropped(
    reconciled: PoolNamespace, cluster: KubeServer, compacted: bool
) -> None:
    api = cluster.need_stand_in()
    await reconciled.create_deployment(1)
    await reconciled.create_pool(minReplicas=1)
    await reconciled.wait_for_reconcile(1)

    if compacted:
        cluster.background.call(api.objects.compact)
    assert cluster.background.call(api.drop_watches)
    await reconciled.edit_pool(minReplicas=2)
    await reconciled.wait_for_replicas(2)

    await reconciled.create_deployment(1, name="other")
    await reconciled.create_pool("second", scaleTargetRef={"name": "other"}, minReplicas=3)

    async def reported() -> bool:
        return (await reconciled.status("second")).get("replicas") == 3

    await eventually(reported)


async def test_younger_pool_is_rejected_when_two_have_the_same_target(reconciled: PoolNamespace) -> None:
    await reconciled.create_deployment(1)
    await reconciled.create_pool("a-older", minReplicas=2)
    await reconciled.wait_for_replicas(2)
    older = await reconciled.client.get(kinds.WORKER_POOLS, "a-older")

    async def is_later() -> bool:
        # Kubernetes rounds creation times to whole seconds.
        probe = await reconciled.client.create(kinds.DEPLOYMENTS, _bystander())
        await reconciled.delete(kinds.DEPLOYMENTS, "bystander")
        return bool(probe["metadata"]["creationTimestamp"] > older["metadata"]["creationTimestamp"])

    await eventually(is_later)
    await reconciled.create_pool("younger", minReplicas=7)
    await reconciled.wait_for_failure("Ready", "TargetClaimed", "younger")
    assert await reconciled.replicas() == 2

    await reconciled.delete(kinds.WORKER_POOLS, "a-older")
    await reconciled.wait_for_replicas(7)


async def test_pool_is_rejected_when_an_autoscaler_has_its_target(reconciled: PoolNamespace) -> None:
    await reconciled.create_deployment(1)
    reconciled.queues.pending = 40
    ref = {"apiVersion": "apps/v1", "kind": "Deployment", "name": WORKER}
    spec = {"scaleTargetRef": ref, "minReplicas": 1, "maxReplicas": 3}
    await reconciled.client.create(kinds.AUTOSCALERS, {"metadata": {"name": "hpa"}, "spec": spec})

    await reconciled.create_pool()
    await reconciled.wait_for_failure("Ready", "TargetHasAutoscaler")

    assert await reconciled.replicas() == 1
    message = next(each["message"] for each in (await reconciled.status())["conditions"] if each["type"] == "Ready")
    assert "HorizontalPodAutoscaler hpa" in message
    await reconciled.delete(kinds.AUTOSCALERS, "hpa")
    await reconciled.wait_for_replicas(4)


async def test_deployment_is_unchanged_when_its_pool_is_deleted(
    reconciled: PoolNamespace, controller: ServiceProcess
) -> None:
    await reconciled.create_deployment(1)
    reconciled.queues.pending = 40
    await reconciled.create_pool()
    await reconciled.wait_for_replicas(4)
    series = f'taskyard_workerpool_replicas{{namespace="{reconciled.namespace}",pool="pool"}}'
    await eventually(lambda: controller.find_metric(series))

    await reconciled.delete(kinds.WORKER_POOLS, "pool")

    async def forgotten() -> bool:
        return await controller.find_metric(series) is None

    await eventually(forgotten)
    reconciled.queues.pending = 90
    assert await reconciled.replicas() == 4
    assert await reconciled.costs() == {}


async def test_pool_reports_invalid_spec_when_its_spec_is_invalid(
    reconciled: PoolNamespace, cluster: KubeServer
) -> None:
    api = cluster.need_stand_in()
    await reconciled.create_deployment(2)
    await reconciled.create_pool(minReplicas=2)
    await reconciled.wait_for_reconcile(1)

    api.checks_pools = False
    await reconciled.edit_pool(maxReplicas="many")
    await reconciled.wait_for_failure("Ready", "InvalidSpec")
    message = next(each["message"] for each in (await reconciled.status())["conditions"] if each["type"] == "Ready")
    assert "maxReplicas" in message
    assert await reconciled.replicas() == 2

    await reconciled.edit_pool(maxReplicas=5, minReplicas=3)
    await reconciled.wait_for_replicas(3)


async def test_pool_scales_when_its_status_is_invalid(reconciled: PoolNamespace) -> None:
    await reconciled.create_deployment(1)
    reconciled.queues.pending = 30
    await reconciled.create_pool(paused=True)
    await reconciled.client.patch(
        kinds.WORKER_POOLS, "pool", {"status": {"idleSince": "2020-01-01T00:00:00Z", "replicas": 900}}, "status"
    )

    await reconciled.edit_pool(paused=False)

    await reconciled.wait_for_replicas(3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"minReplicas": 20}, "minReplicas must not be more than maxReplicas"),
        ({"target": {"utilization": 50}}, "one of drain and tasksPerReplica must be set"),
        ({"target": {"drain": "0s"}}, "must be from 1s to 24h"),
        ({"maxReplicas": 0}, "spec.maxReplicas in body should be greater than or equal to 1"),
    ],
)
async def test_kubernetes_rejects_a_pool_when_it_is_invalid(
    namespace: PoolNamespace, changes: dict[str, object], message: str
) -> None:
    spec = namespace.pool_spec(**changes)

    answer = await namespace.client.try_create(kinds.WORKER_POOLS, {"metadata": {"name": "pool"}, "spec": spec})

    assert answer.status_code == 422
    assert message in answer.text


def _bystander() -> dict[str, object]:
    labels = {"app": "bystander"}
    containers = [{"name": "bystander", "image": ANY_IMAGE}]
    template = {"metadata": {"labels": labels}, "spec": {"containers": containers}}
    spec = {"replicas": 0, "selector": {"matchLabels": labels}, "template": template}
    return {"metadata": {"name": "bystander"}, "spec": spec}


async def _has_event(namespace: PoolNamespace, reason: str) -> bool:
    return reason in await namespace.reasons()
