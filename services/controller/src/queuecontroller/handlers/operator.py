"""Running kopf: which namespaces it watches, and how replicas agree on the one that leads."""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import Callable
from typing import Any

import kopf
import structlog

from queuecontroller.cluster.client import Cluster
from queuecontroller.errors import ClusterError
from queuecontroller.handlers.login import find_namespace, log_in
from queuecontroller.handlers.pools import GROUP, VERSION, register_pools
from queuecontroller.reconciler import PoolReconciler
from queuecontroller.settings import ControllerSettings

EVERYWHERE = "*"
RETRY_S = 2.0

log = structlog.get_logger()


async def operate(
    settings: ControllerSettings, cluster: Cluster, make_keeper: Callable[[str, str], PoolReconciler]
) -> None:
    """Keep the pools until the process gets SIGTERM or SIGINT."""
    clusterwide = EVERYWHERE in settings.namespaces
    namespaces = [] if clusterwide else list(settings.namespaces or [find_namespace()])
    registry = kopf.OperatorRegistry()
    register_pools(registry, make_keeper)

    @kopf.on.login(registry=registry)
    async def login(**_: Any) -> kopf.ConnectionInfo:
        return log_in()

    @kopf.on.startup(registry=registry)
    async def prepare(**_: Any) -> None:
        await _prepare(cluster, settings, [""] if clusterwide else namespaces)

    await kopf.operator(
        registry=registry,
        settings=_configure(settings),
        identity=kopf_identity(),
        priority=secrets.randbelow(2**31),  # Of two equal ones neither would lead.
        peering_name=None if settings.standalone else settings.peering,
        standalone=settings.standalone,
        clusterwide=clusterwide,
        namespaces=namespaces,
    )


def kopf_identity() -> Any:
    """What this replica calls itself among its peers; kopf's own way fails where the user has no name."""
    return f"{socket.gethostname()}.{secrets.token_hex(3)}"


def _configure(settings: ControllerSettings) -> kopf.OperatorSettings:
    configured = kopf.OperatorSettings()
    configured.peering.lifetime = settings.peering_lifetime_ms // 1000
    configured.peering.stealth = True
    configured.posting.reporting_component = "taskyard-controller"
    configured.posting.reporting_instance = socket.gethostname()
    configured.posting.event_name_prefix = "taskyard-"
    # Namespaces and kinds are known: there is no need to watch for others, nor for the permission to do so.
    configured.scanning.disabled = True
    # Should kopf want to store anything of its own, then in the status, the only thing that we may write.
    configured.persistence.progress_storage = kopf.StatusProgressStorage(field="status.kopf.progress")
    configured.networking.request_timeout = 30
    return configured


async def _prepare(cluster: Cluster, settings: ControllerSettings, namespaces: list[str]) -> None:
    """Wait for the kinds that we need, and make the object by which replicas see each other."""
    await _wait_for(cluster, f"/apis/{GROUP}/{VERSION}/workerpools", namespaces[0])
    if settings.standalone:
        return
    for namespace in namespaces:
        kind = "KopfPeering" if namespace else "ClusterKopfPeering"
        path = f"/apis/kopf.dev/v1{f'/namespaces/{namespace}' if namespace else ''}/{kind.lower()}s"
        content = {"apiVersion": "kopf.dev/v1", "kind": kind, "metadata": {"name": settings.peering}}
        await _insist(lambda path=path, content=content: cluster.create(path, content))  # type: ignore[misc]


async def _wait_for(cluster: Cluster, path: str, namespace: str) -> None:
    group, plural = path.rsplit("/", 1)
    listed = f"{group}{f'/namespaces/{namespace}' if namespace else ''}/{plural}?limit=1"

    async def ask() -> None:
        while not await cluster.knows(listed):
            log.warning("kind_missing", kind="WorkerPool", retry_in_s=RETRY_S)
            await asyncio.sleep(RETRY_S)

    await _insist(ask)


async def _insist(ask: Callable[[], Any]) -> None:
    while True:
        try:
            await ask()
        except ClusterError as error:
            log.warning("cluster_not_ready", error=str(error), retry_in_s=RETRY_S)
            await asyncio.sleep(RETRY_S)
        else:
            return
