from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from queuecore.testing.collector import http_collector
from queuecore.testing.waiting import eventually
from tests.integration.logs.log_lines import read_lines
from tests.support.kubernetes import kinds
from tests.support.kubernetes.cluster import KubeServer, running_stand_in
from tests.support.kubernetes.controller import running_controller
from tests.support.kubernetes.kube_client import KubeClient
from tests.support.kubernetes.permissions import Permission
from tests.support.kubernetes.pool_namespace import WORKER, PoolNamespace
from tests.support.kubernetes.queue_api import QueueApi, Queues
from tests.support.kubernetes.replica_sets import ReplicaSets
from tests.support.service_process import ServiceProcess


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[KubeServer]:
    """An API server for one test. Its controllers have a Role in the namespace ``default`` and must not exceed it."""
    with running_stand_in(tmp_path) as server:
        yield server
        assert server.need_stand_in().denied == []


@pytest.fixture
async def home(alone: KubeServer, queue_api: tuple[QueueApi, str]) -> AsyncIterator[PoolNamespace]:
    api, url = queue_api
    api.apis["default"] = Queues()
    async with httpx.AsyncClient(base_url=alone.url, headers=alone.headers) as http:
        client = KubeClient(http, "default")
        replica_sets = ReplicaSets(client)
        running = asyncio.ensure_future(replica_sets.run())
        yield PoolNamespace(client, api.apis["default"], f"{url}/default", replica_sets)
        running.cancel()


async def test_controller_stops_cleanly_when_it_gets_sigterm(
    alone: KubeServer, home: PoolNamespace, tmp_path: Path
) -> None:
    await home.create_deployment(1)
    home.queues.pending = 20
    await home.create_pool()
    with running_controller(alone.kubeconfig, tmp_path / "log", TASKYARD_LOG_LEVEL="debug") as controller:
        await home.wait_for_replicas(2)
        assert [await controller.status(path) for path in ("/live", "/ready", "/metrics")] == [200, 200, 200]

        controller.terminate()

        assert await controller.wait() == 0
        assert '"event":"controller_stopped"' in controller.log
        assert '"level":"error"' not in controller.log
        lines = read_lines(controller.log_path)
        assert {line.service for line in lines} == {"controller"}
        assert "pool_scaled" in {line.event for line in lines}


async def test_smallest_pool_scales_by_the_metrics_of_the_release(
    alone: KubeServer, home: PoolNamespace, tmp_path: Path
) -> None:
    await home.create_deployment(1)
    home.queues.pending, home.queues.active = 0, 150
    spec = {"scaleTargetRef": {"name": WORKER}, "queues": ["default"], "maxReplicas": 5}
    await home.client.create(kinds.WORKER_POOLS, {"metadata": {"name": "pool"}, "spec": spec})

    with running_controller(alone.kubeconfig, tmp_path / "one"):
        await home.wait_for_failure("Ready", "InvalidSpec")
        (condition,) = [each for each in (await home.status())["conditions"] if each["type"] == "Ready"]
        assert "spec.metrics.endpoint" in condition["message"]
    variables = {"TASKYARD_CONTROLLER_METRICS_ENDPOINT": f"{home.api_url}/metrics"}
    with running_controller(alone.kubeconfig, tmp_path / "other", **variables):
        await home.wait_for_replicas(2)


async def test_reconciliations_of_a_pool_are_traced_with_all_their_requests(
    alone: KubeServer, home: PoolNamespace, tmp_path: Path
) -> None:
    await home.create_deployment(1)
    home.queues.pending = 20
    await home.create_pool()
    with http_collector() as collector:
        variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint, "OTEL_BSP_SCHEDULE_DELAY": "50"}
        with running_controller(alone.kubeconfig, tmp_path / "log", **variables) as controller:
            await home.wait_for_replicas(2)
            controller.terminate()
            assert await controller.wait() == 0
    reconciliations = [span for span in collector.spans if span.name == "keep WorkerPool"]
    assert {span.service for span in reconciliations} == {"taskyard-controller"}
    assert reconciliations[0].attributes == {"k8s.namespace.name": "default", "taskyard.workerpool.name": "pool"}
    asked = [span for span in collector.spans if span.parent_id == reconciliations[0].span_id]
    assert {span.kind for span in asked} == {"CLIENT"}
    assert any(span.attributes["url.full"].endswith("/metrics") for span in asked)
    assert any(span.name == "PATCH" and "/scale" in span.attributes["url.full"] for span in collector.spans)
    assert not any(span.failed for span in asked)


async def test_follower_takes_over_when_the_leader_is_killed(
    alone: KubeServer, home: PoolNamespace, tmp_path: Path
) -> None:
    await home.create_deployment(1)
    await home.create_pool(minReplicas=1)
    with (
        running_controller(alone.kubeconfig, tmp_path / "one") as one,
        running_controller(alone.kubeconfig, tmp_path / "other") as other,
    ):

        async def both_are_there() -> bool:
            return [len(each.get("status", {})) for each in await home.client.list(kinds.PEERINGS)] == [2]

        async def one_leads() -> bool:
            series = 'taskyard_workerpool_replicas{namespace="default",pool="pool"}'
            return [await each.find_metric(series) is None for each in (one, other)].count(False) == 1

        await eventually(both_are_there)
        await eventually(one_leads)
        leads = await one.find_metric('taskyard_workerpool_replicas{namespace="default",pool="pool"}') is not None
        leader, follower = (one, other) if leads else (other, one)
        assert await follower.status("/ready") == 200

        leader.kill()
        home.queues.pending = 30

        await home.wait_for_replicas(3)
        assert "Resuming operations" in follower.log


async def test_new_controller_continues_when_the_last_one_was_killed(
    alone: KubeServer, home: PoolNamespace, tmp_path: Path
) -> None:
    slow = {"stabilizationWindow": "0s", "policies": [{"type": "Pods", "value": 2, "period": "10m"}]}
    await home.create_deployment(1)
    home.queues.pending = 90
    await home.create_pool(behavior={"scaleUp": slow, "scaleDown": {"stabilizationWindow": "1h"}})
    with running_controller(alone.kubeconfig, tmp_path / "one") as one:
        await home.wait_for_replicas(3)
        await home.wait_for_limit("ScaleUpPolicy")
        one.kill()

    with running_controller(alone.kubeconfig, tmp_path / "other"):
        await home.wait_for_reconcile()

        # The policy period has not ended: two pods have already been added in it.
        assert await home.replicas() == 3
        status = await home.status()
        assert [each["change"] for each in status["scaleEvents"]] == [2]
        assert status["recommendations"][-1]["replicas"] == 9


async def test_pool_reports_forbidden_when_the_role_lacks_a_permission(
    alone: KubeServer, home: PoolNamespace, tmp_path: Path
) -> None:
    api = alone.need_stand_in()
    missing = Permission("", "pods", "list")
    api.permissions.remove(missing)
    await home.create_deployment(2)
    home.queues.busy = dict.fromkeys(await home.pods(), 0)
    await home.create_pool(minReplicas=1)

    with running_controller(alone.kubeconfig, tmp_path / "log"):
        await home.wait_for_failure("Ready", "Forbidden")

    assert set(api.denied) == {missing}
    api.denied.clear()
    assert await home.replicas() == 2


async def test_controller_is_not_ready_when_kubernetes_is_unreachable(alone: KubeServer, tmp_path: Path) -> None:
    with running_controller(alone.kubeconfig, tmp_path / "log") as controller:
        await eventually(lambda: _answers(controller, "/ready", 200))

        alone.background.call(alone.need_stand_in().shut_down)

        await eventually(lambda: _answers(controller, "/ready", 503))
        assert await controller.status("/live") == 200


async def test_controller_waits_when_the_crd_is_not_installed(
    alone: KubeServer, home: PoolNamespace, tmp_path: Path
) -> None:
    api = alone.need_stand_in()
    await home.create_deployment(1)
    await home.create_pool(minReplicas=2)
    api.hidden.add(kinds.WORKER_POOLS)
    with running_controller(alone.kubeconfig, tmp_path / "log") as controller:
        await eventually(lambda: '"event":"crd_not_found"' in controller.log)

        api.hidden.clear()

        await home.wait_for_replicas(2)


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"TASKYARD_CONTROLLER_INTERVAL": "often"}, "TASKYARD_CONTROLLER_INTERVAL"),
        ({"KUBECONFIG": ""}, "neither a service account in this pod nor a kubeconfig"),
        ({"TASKYARD_CONTROLLER_NAMESPACE": "x"}, "did you mean TASKYARD_CONTROLLER_NAMESPACES?"),
    ],
)
def test_controller_exits_when_its_configuration_is_invalid(
    tmp_path: Path, variables: dict[str, str], message: str
) -> None:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("TASKYARD_")}

    done = subprocess.run(
        [sys.executable, "-m", "queuecontroller"],
        env={**inherited, "HOME": str(tmp_path), **variables},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert done.returncode == 2
    assert message in done.stderr


async def _answers(controller: ServiceProcess, path: str, status: int) -> bool:
    return await controller.status(path) == status
