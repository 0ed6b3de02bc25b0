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


async def shrinking(namespace: PoolNamespace, pods: int = 4, **changes: Any) -> list[str]:
    """A pool that has grown to some pods; what it does next is up to the test."""
    await namespace.create_deployment(pods)
    namespace.queues.pending = 10 * pods
    await namespace.create_pool(**changes)
    await namespace.decided()
    return await namespace.pods()


async def test_pool_grows_when_tasks_wait(kept: PoolNamespace) -> None:
    await kept.create_deployment(1)
    kept.queues.pending, kept.queues.active = 45, 3

    await kept.create_pool()

    await kept.has(5)

    async def told() -> bool:
        return (await kept.status()).get("readyReplicas") == 5

    await eventually(told)
    status = await kept.status()
    assert (status["replicas"], status["desiredReplicas"], status["pending"], status["active"]) == (5, 5, 45, 3)
    await kept.is_well("Ready")
    await kept.is_well("MetricsAvailable")
    assert status["lastDecision"]["numbers"]["depthReplicas"] == 4.5


async def test_pool_tells_of_a_change_when_it_makes_one(kept: PoolNamespace, controller: ServiceProcess) -> None:
    await kept.create_deployment(1)
    kept.queues.pending = 20

    await kept.create_pool()
    await kept.has(2)

    async def noted() -> bool:
        return "ScaleOut" in await kept.reasons()

    await eventually(noted)
    labels = f'{{action="ScaleOut",namespace="{kept.namespace}",pool="pool"}}'

    async def counted() -> bool:
        return await controller.find_metric(f"taskyard_workerpool_scale_changes_total{labels}") == 1

    await eventually(counted)
    pool = await kept.client.get(kinds.WORKER_POOLS, "pool")
    assert "finalizers" not in pool["metadata"]
    assert "annotations" not in pool["metadata"]


async def test_pool_grows_when_tasks_are_due_soon(kept: PoolNamespace) -> None:
    await kept.create_deployment(1)
    kept.queues.due = 30

    await kept.create_pool()

    await kept.has(3)


async def test_pool_goes_to_zero_and_comes_back_when_tasks_stop_and_start(kept: PoolNamespace) -> None:
    await kept.create_deployment(2)
    kept.queues.busy = dict.fromkeys(await kept.pods(), 0)

    await kept.create_pool()
    await kept.has(0)
    kept.queues.pending = 1

    await kept.has(1)


async def test_pool_stays_when_it_is_paused(kept: PoolNamespace) -> None:
    await kept.create_deployment(1)
    kept.queues.pending = 90

    await kept.create_pool(paused=True)
    await kept.decided()

    assert await kept.replicas() == 1
    assert (await kept.status())["desiredReplicas"] == 9
    await kept.edit_pool(paused=False)
    await kept.has(9)


async def test_pool_follows_when_its_bounds_are_edited(kept: PoolNamespace) -> None:
    await kept.create_deployment(1)
    await kept.create_pool(minReplicas=1)
    await kept.decided(1)

    await kept.edit_pool(minReplicas=3)

    await kept.has(3)


async def test_idle_pods_go_when_others_are_busy(kept: PoolNamespace, cluster: KubeServer) -> None:
    pods = await shrinking(kept)
    busy = pods[:2]

    kept.queues.busy = {pod: int(pod in busy) for pod in pods}
    kept.queues.pending, kept.queues.active = 0, 2
    await kept.has(2)

    await eventually(lambda: kept.pods_are(busy))
    if cluster.stand_in:
        writes = [call.path for call in cluster.stand_in.calls if kept.namespace in call.path]
        assert [path.split("/")[-2] for path in writes if "/status" not in path and "events" not in path] == [
            "pods",
            "pods",
            WORKER,
        ]


async def test_busy_pods_stay_when_all_are_busy(kept: PoolNamespace) -> None:
    pods = await shrinking(kept)

    kept.queues.busy = dict.fromkeys(pods, 1)
    kept.queues.pending, kept.queues.active = 0, 4

    await kept.is_limited("BusyPods")
    assert await kept.replicas() == 4
    assert await kept.costs() == {}


async def test_unknown_pods_stay_when_they_are_ready(kept: PoolNamespace) -> None:
    pods = await shrinking(kept)

    kept.queues.busy = {pods[0]: 0}
    kept.queues.pending = 0
    await kept.has(3)

    await kept.decided()
    await eventually(lambda: kept.pods_are(pods[1:]))


async def test_busy_pods_go_when_their_tasks_are_short(kept: PoolNamespace) -> None:
    quick = {"stabilizationWindow": "0s", "policies": [], "spareBusyPods": "Auto"}
    kept.queues.longest_task_s = 10
    pods = await shrinking(kept, behavior={"scaleUp": quick, "scaleDown": quick})

    kept.queues.busy = {pod: number for number, pod in enumerate(reversed(pods), start=1)}
    kept.queues.pending, kept.queues.active = 0, 10
    await kept.has(1)

    # Those with the fewest tasks first.
    await eventually(lambda: kept.pods_are(pods[:1]))


async def test_pool_stays_when_nobody_knows_which_pods_are_busy(kept: PoolNamespace) -> None:
    await shrinking(kept)

    kept.queues.workers_status = 503
    kept.queues.pending = 0

    await kept.is_limited("WorkersUnknown")
    assert await kept.replicas() == 4


async def test_pool_shrinks_less_when_a_victim_gets_work_meanwhile(kept: PoolNamespace) -> None:
    pods = await shrinking(kept)

    async def give_work() -> None:
        kept.queues.busy = {pod: int(pod in (pods[0], pods[3])) for pod in pods}

    kept.queues.busy = {pod: int(pod == pods[3]) for pod in pods}
    kept.queues.meanwhile = give_work
    kept.queues.pending, kept.queues.active = 0, 2
    await kept.has(2)

    async def settled() -> bool:
        return await kept.pods() == [pods[0], pods[3]] and await kept.costs() == {}

    await eventually(settled)


async def test_pool_spares_busy_pods_when_a_victim_vanishes_meanwhile(kept: PoolNamespace, cluster: KubeServer) -> None:
    api = cluster.need_stand_in()
    pods = await shrinking(kept)
    assert kept.replica_sets is not None
    kept.replica_sets.starting = True

    async def vanish() -> None:
        await api.objects.delete(Key(kinds.PODS, kept.namespace, pods[0]))

    kept.queues.busy = {pod: int(pod in pods[2:]) for pod in pods}
    kept.queues.meanwhile = vanish
    kept.queues.pending, kept.queues.active = 0, 2

    await eventually(lambda: kept.pods_are(pods[2:]))
    assert not set(kept.replica_sets.killed) & set(pods[2:])


async def test_nothing_goes_when_a_busy_pod_is_not_ready(kept: PoolNamespace, cluster: KubeServer) -> None:
    cluster.need_stand_in()
    pods = await shrinking(kept)
    await kept.client.patch(kinds.PODS, pods[0], {"status": readiness(False)}, "status")

    # A ReplicaSet would take that pod first, whatever the others cost.
    kept.queues.busy = {pod: int(pod == pods[0]) for pod in pods}
    kept.queues.pending, kept.queues.active = 0, 1

    await kept.is_limited("BusyPods")
    assert await kept.replicas() == 4
    await kept.client.patch(kinds.PODS, pods[0], {"status": readiness(True)}, "status")
    await kept.has(1)
    await eventually(lambda: kept.pods_are(pods[:1]))


async def test_marks_are_taken_away_when_a_predecessor_has_left_them(kept: PoolNamespace) -> None:
    await kept.create_deployment(2)
    pods = await kept.pods()
    await kept.client.patch(kinds.PODS, pods[0], {"metadata": {"annotations": {COST: "-1000000"}}})
    await kept.client.patch(kinds.PODS, pods[1], {"metadata": {"annotations": {COST: "7"}}})
    kept.queues.pending = 20

    await kept.create_pool()

    async def cleaned() -> bool:
        # What somebody else has written stays.
        return await kept.costs() == {pods[1]: "7"}

    await eventually(cleaned)


async def test_nothing_goes_when_pods_are_being_replaced(kept: PoolNamespace, cluster: KubeServer) -> None:
    cluster.need_stand_in()
    pods = await shrinking(kept)
    await kept.client.patch(kinds.DEPLOYMENTS, WORKER, {"metadata": {"labels": {"frozen": "yes"}}})
    await kept.client.patch(kinds.DEPLOYMENTS, WORKER, {"status": {"updatedReplicas": 1}}, "status")

    kept.queues.busy = dict.fromkeys(pods, 0)
    kept.queues.pending = 0

    await kept.is_limited("Rollout")
    assert await kept.replicas() == 4


@pytest.mark.parametrize("mode", ["Always", "Never"])
async def test_pool_asks_for_busy_pods_as_its_mode_says_when_workers_are_unknown(
    kept: PoolNamespace, mode: str
) -> None:
    quick = {"stabilizationWindow": "0s", "policies": [], "spareBusyPods": mode}
    await shrinking(kept, behavior={"scaleUp": quick, "scaleDown": quick})

    kept.queues.workers_status = 500
    kept.queues.pending = 0
    await kept.decided()

    if mode == "Never":
        await kept.has(0)
    assert await kept.replicas() == (0 if mode == "Never" else 4)
