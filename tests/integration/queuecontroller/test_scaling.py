from __future__ import annotations

from typing import Any

import pytest

from queuecore.testing.waiting import eventually
from tests.support.kubernetes import kinds
from tests.support.kubernetes.cluster import KubeServer
from tests.support.kubernetes.objects import Key
from tests.support.kubernetes.pool_namespace import WORKER, PoolNamespace
from tests.support.kubernetes.replica_sets import COST, readiness
from tests.support.service_process import ServiceProcess


async def scale_out(namespace: PoolNamespace, pods: int = 4, **changes: Any) -> list[str]:
    """Scale a pool out to ``pods``, ready to scale in; the names of its pods."""
    await namespace.create_deployment(pods)
    namespace.queues.pending = 10 * pods
    await namespace.create_pool(**changes)
    await namespace.wait_for_reconcile()
    return await namespace.pods()


async def test_pool_scales_out_when_tasks_are_pending(reconciled: PoolNamespace) -> None:
    await reconciled.create_deployment(1)
    reconciled.queues.pending, reconciled.queues.active = 45, 3

    await reconciled.create_pool()

    await reconciled.wait_for_replicas(5)

    async def reported() -> bool:
        return (await reconciled.status()).get("readyReplicas") == 5

    await eventually(reported)
    status = await reconciled.status()
    assert (status["replicas"], status["desiredReplicas"], status["pending"], status["active"]) == (5, 5, 45, 3)
    await reconciled.wait_for_condition("Ready")
    await reconciled.wait_for_condition("MetricsAvailable")
    assert status["lastDecision"]["numbers"]["depthReplicas"] == 4.5


async def test_pool_emits_an_event_when_it_scales(reconciled: PoolNamespace, controller: ServiceProcess) -> None:
    await reconciled.create_deployment(1)
    reconciled.queues.pending = 20

    await reconciled.create_pool()
    await reconciled.wait_for_replicas(2)

    async def emitted() -> bool:
        return "ScaleOut" in await reconciled.reasons()

    await eventually(emitted)
    labels = f'{{action="ScaleOut",namespace="{reconciled.namespace}",pool="pool"}}'

    async def counted() -> bool:
        return await controller.find_metric(f"taskyard_workerpool_scale_changes_total{labels}") == 1

    await eventually(counted)
    pool = await reconciled.client.get(kinds.WORKER_POOLS, "pool")
    assert "finalizers" not in pool["metadata"]
    assert "annotations" not in pool["metadata"]


async def test_pool_scales_out_when_tasks_are_due_soon(reconciled: PoolNamespace) -> None:
    await reconciled.create_deployment(1)
    reconciled.queues.due = 30

    await reconciled.create_pool()

    await reconciled.wait_for_replicas(3)


async def test_pool_scales_to_zero_and_back_when_tasks_stop_and_start(reconciled: PoolNamespace) -> None:
    await reconciled.create_deployment(2)
    reconciled.queues.busy = dict.fromkeys(await reconciled.pods(), 0)

    await reconciled.create_pool()
    await reconciled.wait_for_replicas(0)
    reconciled.queues.pending = 1

    await reconciled.wait_for_replicas(1)


async def test_pool_does_not_scale_when_it_is_paused(reconciled: PoolNamespace) -> None:
    await reconciled.create_deployment(1)
    reconciled.queues.pending = 90

    await reconciled.create_pool(paused=True)
    await reconciled.wait_for_reconcile()

    assert await reconciled.replicas() == 1
    assert (await reconciled.status())["desiredReplicas"] == 9
    await reconciled.edit_pool(paused=False)
    await reconciled.wait_for_replicas(9)


async def test_pool_scales_when_its_bounds_are_edited(reconciled: PoolNamespace) -> None:
    await reconciled.create_deployment(1)
    await reconciled.create_pool(minReplicas=1)
    await reconciled.wait_for_reconcile(1)

    await reconciled.edit_pool(minReplicas=3)

    await reconciled.wait_for_replicas(3)


async def test_idle_pods_are_removed_when_others_are_busy(reconciled: PoolNamespace, cluster: KubeServer) -> None:
    pods = await scale_out(reconciled)
    busy = pods[:2]

    reconciled.queues.busy = {pod: int(pod in busy) for pod in pods}
    reconciled.queues.pending, reconciled.queues.active = 0, 2
    await reconciled.wait_for_replicas(2)

    await eventually(lambda: reconciled.pods_are(busy))
    if cluster.stand_in:
        writes = [call.path for call in cluster.stand_in.calls if reconciled.namespace in call.path]
        assert [path.split("/")[-2] for path in writes if "/status" not in path and "events" not in path] == [
            "pods",
            "pods",
            WORKER,
        ]


async def test_busy_pods_stay_when_all_are_busy(reconciled: PoolNamespace) -> None:
    pods = await scale_out(reconciled)

    reconciled.queues.busy = dict.fromkeys(pods, 1)
    reconciled.queues.pending, reconciled.queues.active = 0, 4

    await reconciled.wait_for_limit("BusyPods")
    assert await reconciled.replicas() == 4
    assert await reconciled.costs() == {}


async def test_unregistered_pods_stay_when_they_are_ready(reconciled: PoolNamespace) -> None:
    pods = await scale_out(reconciled)

    reconciled.queues.busy = {pods[0]: 0}
    reconciled.queues.pending = 0
    await reconciled.wait_for_replicas(3)

    await reconciled.wait_for_reconcile()
    await eventually(lambda: reconciled.pods_are(pods[1:]))


async def test_busy_pods_are_removed_when_their_tasks_are_short(reconciled: PoolNamespace) -> None:
    quick = {"stabilizationWindow": "0s", "policies": [], "spareBusyPods": "Auto"}
    reconciled.queues.longest_task_s = 10
    pods = await scale_out(reconciled, behavior={"scaleUp": quick, "scaleDown": quick})

    reconciled.queues.busy = {pod: number for number, pod in enumerate(reversed(pods), start=1)}
    reconciled.queues.pending, reconciled.queues.active = 0, 10
    await reconciled.wait_for_replicas(1)

    # Pods with the fewest tasks are removed first.
    await eventually(lambda: reconciled.pods_are(pods[:1]))


async def test_pool_does_not_scale_in_when_busy_pods_are_unknown(reconciled: PoolNamespace) -> None:
    await scale_out(reconciled)

    reconciled.queues.workers_status = 503
    reconciled.queues.pending = 0

    await reconciled.wait_for_limit("WorkersUnknown")
    assert await reconciled.replicas() == 4


async def test_pool_removes_fewer_pods_when_a_marked_pod_gets_work(reconciled: PoolNamespace) -> None:
    pods = await scale_out(reconciled)

    async def give_work() -> None:
        reconciled.queues.busy = {pod: int(pod in (pods[0], pods[3])) for pod in pods}

    reconciled.queues.busy = {pod: int(pod == pods[3]) for pod in pods}
    reconciled.queues.before_recheck = give_work
    reconciled.queues.pending, reconciled.queues.active = 0, 2
    await reconciled.wait_for_replicas(2)

    async def settled() -> bool:
        return await reconciled.pods() == [pods[0], pods[3]] and await reconciled.costs() == {}

    await eventually(settled)


async def test_busy_pods_stay_when_a_marked_pod_disappears(reconciled: PoolNamespace, cluster: KubeServer) -> None:
    api = cluster.need_stand_in()
    pods = await scale_out(reconciled)
    assert reconciled.replica_sets is not None
    reconciled.replica_sets.starting = True

    async def vanish() -> None:
        await api.objects.delete(Key(kinds.PODS, reconciled.namespace, pods[0]))

    reconciled.queues.busy = {pod: int(pod in pods[2:]) for pod in pods}
    reconciled.queues.before_recheck = vanish
    reconciled.queues.pending, reconciled.queues.active = 0, 2

    await eventually(lambda: reconciled.pods_are(pods[2:]))
    assert not set(reconciled.replica_sets.deleted) & set(pods[2:])


async def test_no_pod_is_removed_when_a_busy_pod_is_not_ready(reconciled: PoolNamespace, cluster: KubeServer) -> None:
    cluster.need_stand_in()
    pods = await scale_out(reconciled)
    await reconciled.client.patch(kinds.PODS, pods[0], {"status": readiness(False)}, "status")

    # A ReplicaSet would delete that pod first, regardless of deletion costs.
    reconciled.queues.busy = {pod: int(pod == pods[0]) for pod in pods}
    reconciled.queues.pending, reconciled.queues.active = 0, 1

    await reconciled.wait_for_limit("BusyPods")
    assert await reconciled.replicas() == 4
    await reconciled.client.patch(kinds.PODS, pods[0], {"status": readiness(True)}, "status")
    await reconciled.wait_for_replicas(1)
    await eventually(lambda: reconciled.pods_are(pods[:1]))


async def test_marks_are_cleared_when_a_previous_leader_left_them(reconciled: PoolNamespace) -> None:
    await reconciled.create_deployment(2)
    pods = await reconciled.pods()
    await reconciled.client.patch(kinds.PODS, pods[0], {"metadata": {"annotations": {COST: "-1000000"}}})
    await reconciled.client.patch(kinds.PODS, pods[1], {"metadata": {"annotations": {COST: "7"}}})
    reconciled.queues.pending = 20

    await reconciled.create_pool()

    async def cleaned() -> bool:
        # Costs of other tools stay.
        return await reconciled.costs() == {pods[1]: "7"}

    await eventually(cleaned)


async def test_no_pod_is_removed_when_a_rollout_is_in_progress(reconciled: PoolNamespace, cluster: KubeServer) -> None:
    cluster.need_stand_in()
    pods = await scale_out(reconciled)
    await reconciled.client.patch(kinds.DEPLOYMENTS, WORKER, {"metadata": {"labels": {"frozen": "yes"}}})
    await reconciled.client.patch(kinds.DEPLOYMENTS, WORKER, {"status": {"updatedReplicas": 1}}, "status")

    reconciled.queues.busy = dict.fromkeys(pods, 0)
    reconciled.queues.pending = 0

    await reconciled.wait_for_limit("Rollout")
    assert await reconciled.replicas() == 4


async def test_no_pod_is_removed_when_a_rollout_starts_after_pods_were_marked(
    reconciled: PoolNamespace, cluster: KubeServer
) -> None:
    api = cluster.need_stand_in()
    pods = await scale_out(reconciled)

    async def start_rollout() -> None:
        key = Key(kinds.DEPLOYMENTS, reconciled.namespace, WORKER)
        deployment = api.objects.get(key)
        deployment["metadata"]["labels"]["frozen"] = "yes"
        deployment = await api.objects.replace(key, deployment)
        deployment["status"]["updatedReplicas"] = 1
        await api.objects.replace(key, deployment, part="status")

    reconciled.queues.busy = dict.fromkeys(pods, 0)
    reconciled.queues.before_recheck = start_rollout
    reconciled.queues.pending = 0

    await reconciled.wait_for_limit("Rollout")
    assert await reconciled.replicas() == 4

    async def cleared() -> bool:
        return await reconciled.costs() == {}

    await eventually(cleared)


@pytest.mark.parametrize("mode", ["Always", "Never"])
async def test_scale_in_depends_on_the_mode_when_workers_are_unknown(reconciled: PoolNamespace, mode: str) -> None:
    quick = {"stabilizationWindow": "0s", "policies": [], "spareBusyPods": mode}
    await scale_out(reconciled, behavior={"scaleUp": quick, "scaleDown": quick})

    reconciled.queues.workers_status = 500
    reconciled.queues.pending = 0
    await reconciled.wait_for_reconcile()

    if mode == "Never":
        await reconciled.wait_for_replicas(0)
    assert await reconciled.replicas() == (0 if mode == "Never" else 4)
