from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from queuecore.testing.waiting import eventually
from tests.support.kubernetes import kinds
from tests.support.kubernetes.background import Background, running_background
from tests.support.kubernetes.cluster import KubeServer, stand_in_cluster
from tests.support.kubernetes.controller import running_controller
from tests.support.kubernetes.kube_client import KubeClient
from tests.support.kubernetes.pool_namespace import PoolNamespace
from tests.support.kubernetes.queue_api import QueueApi, Queues
from tests.support.kubernetes.real_cluster import envtest_cluster, running_cluster
from tests.support.kubernetes.replica_sets import ReplicaSets
from tests.support.service_process import ServiceProcess

KUBECONFIG_VARIABLE, ASSETS_VARIABLE = "TASKYARD_TEST_KUBECONFIG", "TASKYARD_TEST_KUBEBUILDER_ASSETS"
"""Set by `make test-cluster`. Not KUBECONFIG, so that a plain `make test` never touches a real cluster."""


@pytest.fixture(scope="session")
def background() -> Iterator[Background]:
    with running_background() as running:
        yield running


@pytest.fixture(scope="session")
def cluster(background: Background, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KubeServer]:
    folder = tmp_path_factory.mktemp("kube")
    if kubeconfig := os.environ.get(KUBECONFIG_VARIABLE):
        yield running_cluster(background, Path(kubeconfig), folder)
    elif assets := os.environ.get(ASSETS_VARIABLE):
        with envtest_cluster(background, Path(assets), folder) as server:
            yield server
    else:
        yield stand_in_cluster(background, folder, clusterwide=True)


@pytest.fixture(scope="session")
def queue_api(background: Background) -> tuple[QueueApi, str]:
    api = QueueApi()
    return api, background.serve(api.app())


@pytest.fixture(scope="session")
def controller(cluster: KubeServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    log = tmp_path_factory.mktemp("controller") / "controller.log"
    with running_controller(cluster.kubeconfig, log, TASKYARD_CONTROLLER_NAMESPACES="*") as running:
        yield running


@pytest.fixture
async def namespace(cluster: KubeServer, queue_api: tuple[QueueApi, str]) -> AsyncIterator[PoolNamespace]:
    """An empty namespace. The teardown checks that the controller did not exceed its Role."""
    api, url = queue_api
    namespace = f"test-{secrets.token_hex(4)}"
    api.apis[namespace] = Queues()
    async with httpx.AsyncClient(base_url=cluster.url, headers=cluster.headers, verify=cluster.tls) as http:
        client = KubeClient(http, namespace)
        await client.create_namespace()
        replica_sets = None if cluster.has_controllers else ReplicaSets(client)
        running = asyncio.ensure_future(replica_sets.run()) if replica_sets else None
        yield PoolNamespace(client, api.apis[namespace], f"{url}/{namespace}", replica_sets, cluster.pod_image)
        if running:
            assert not running.done(), running.exception()
            running.cancel()
        for pool in await client.list(kinds.WORKER_POOLS):
            await client.delete(kinds.WORKER_POOLS, pool["metadata"]["name"])
        await client.delete_namespace()
    if cluster.stand_in:
        cluster.stand_in.faults.clear()
        cluster.stand_in.checks_pools = True
        assert cluster.stand_in.denied == []


@pytest.fixture
async def reconciled(namespace: PoolNamespace, controller: ServiceProcess) -> PoolNamespace:
    """A namespace with a running controller."""

    async def ready() -> bool:
        return await controller.status("/ready") == 200

    await eventually(ready, within_s=30)
    return namespace
