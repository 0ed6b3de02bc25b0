from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from structlog.testing import capture_logs

from queuecontroller.cluster.client import Access, Cluster
from queuecontroller.handlers.peering import join_peering
from queuecore.testing.waiting import eventually
from tests.support.kubernetes import kinds
from tests.support.kubernetes.cluster import KubeServer, running_stand_in
from tests.support.kubernetes.controller import running_controller
from tests.support.kubernetes.kinds import Kind
from tests.support.kubernetes.kube_api import CONTROLLER_TOKEN, HOME
from tests.support.kubernetes.kube_client import KubeClient, Object
from tests.support.kubernetes.permissions import Permission

NAME = "election"


class Scope(NamedTuple):
    peering: Kind
    role: Kind
    namespace: str

    @property
    def clusterwide(self) -> bool:
        return not self.namespace


SCOPES = {
    "namespace": Scope(kinds.PEERINGS, kinds.ROLES, HOME),
    "cluster": Scope(kinds.CLUSTER_PEERINGS, kinds.CLUSTER_ROLES, ""),
}


@pytest.fixture(params=SCOPES)
def scope(request: pytest.FixtureRequest) -> Scope:
    return SCOPES[request.param]


@pytest.fixture
def server(scope: Scope, tmp_path: Path) -> Iterator[KubeServer]:
    with running_stand_in(tmp_path, clusterwide=scope.clusterwide) as running:
        yield running


@pytest.fixture
async def client(server: KubeServer) -> AsyncIterator[KubeClient]:
    async with httpx.AsyncClient(base_url=server.url, headers=server.headers) as http:
        yield KubeClient(http, HOME)


@pytest.fixture
async def cluster(server: KubeServer) -> AsyncIterator[Cluster]:
    cluster = Cluster(lambda: Access(server.url, {"Authorization": f"Bearer {CONTROLLER_TOKEN}"}, tls=False))
    yield cluster
    await cluster.close()


async def install(client: KubeClient, scope: Scope, role: str) -> Object:
    return await client.create(scope.role, {"metadata": {"name": role}, "rules": []})


async def uninstall(server: KubeServer, client: KubeClient, scope: Scope, role: str) -> None:
    await client.delete(scope.role, role)
    server.background.run(server.need_stand_in().objects.collect_garbage())


async def owners(client: KubeClient, scope: Scope) -> list[list[str]]:
    """The owners of each peering object."""
    peerings = await client.list(scope.peering)
    return [[each["name"] for each in peering["metadata"].get("ownerReferences", [])] for peering in peerings]


async def test_peering_is_deleted_with_the_last_release_that_uses_it(
    server: KubeServer, client: KubeClient, cluster: Cluster, scope: Scope
) -> None:
    for role in ("one", "two"):
        await install(client, scope, role)
        await join_peering(cluster, scope.namespace, NAME, role)
        await join_peering(cluster, scope.namespace, NAME, role)
    assert await owners(client, scope) == [["one", "two"]]

    await uninstall(server, client, scope, "one")
    assert await owners(client, scope) == [["two"]]

    await uninstall(server, client, scope, "two")
    assert await owners(client, scope) == []
    assert server.need_stand_in().denied == []


async def test_peering_of_an_older_release_gets_an_owner(client: KubeClient, cluster: Cluster, scope: Scope) -> None:
    await client.create(scope.peering, {"metadata": {"name": NAME}, "status": {"peer": {"priority": 1}}})
    await install(client, scope, "one")
    await join_peering(cluster, scope.namespace, NAME, "one")
    assert await owners(client, scope) == [["one"]]
    assert (await client.get(scope.peering, NAME))["status"] == {"peer": {"priority": 1}}


async def test_reinstalled_release_owns_the_peering_again(
    server: KubeServer, client: KubeClient, cluster: Cluster, scope: Scope
) -> None:
    await install(client, scope, "one")
    await join_peering(cluster, scope.namespace, NAME, "one")
    await client.delete(scope.role, "one")
    new = await install(client, scope, "one")
    await join_peering(cluster, scope.namespace, NAME, "one")
    server.background.run(server.need_stand_in().objects.collect_garbage())
    (peering,) = await client.list(scope.peering)
    assert [each["uid"] for each in peering["metadata"]["ownerReferences"]] == [new["metadata"]["uid"]]


@pytest.mark.parametrize("forbidden", [False, True])
async def test_peering_has_no_owner_when_the_role_cannot_be_read(
    server: KubeServer, client: KubeClient, cluster: Cluster, scope: Scope, forbidden: bool
) -> None:
    if forbidden:
        server.need_stand_in().permissions.remove(Permission(scope.role.group, scope.role.plural, "get"))
    with capture_logs() as lines:
        await join_peering(cluster, scope.namespace, NAME, "renamed")
    assert [line["event"] for line in lines] == ["peering_owner_not_found"]
    assert await owners(client, scope) == [[]]


async def test_controller_makes_its_role_an_owner(
    server: KubeServer, client: KubeClient, scope: Scope, tmp_path: Path
) -> None:
    await install(client, scope, "one")
    namespaces = {"TASKYARD_CONTROLLER_NAMESPACES": "*"} if scope.clusterwide else {}
    with running_controller(server.kubeconfig, tmp_path / "log", TASKYARD_CONTROLLER_ROLE="one", **namespaces):

        async def is_owner() -> bool:
            return await owners(client, scope) == [["one"]]

        await eventually(is_owner)
