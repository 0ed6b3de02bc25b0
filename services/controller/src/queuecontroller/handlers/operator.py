"""kopf operator setup: watched namespaces, leader election by peering, startup checks."""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import Callable
from functools import partial
from typing import Any

import kopf
import structlog

from queuecontroller.cluster.client import Cluster
from queuecontroller.errors import ClusterError
from queuecontroller.handlers.login import find_namespace, log_in
from queuecontroller.handlers.peering import join_peering
from queuecontroller.handlers.pools import GROUP, VERSION, register_pools
from queuecontroller.reconciler import PoolReconciler
from queuecontroller.settings import ControllerSettings

ALL_NAMESPACES = "*"
RETRY_S = 2.0

log = structlog.get_logger()


async def operate(
    settings: ControllerSettings, cluster: Cluster, make_reconciler: Callable[[str, str], PoolReconciler]
) -> None:
    """Run the operator until SIGTERM or SIGINT.

    Args:
        settings: as read from the environment.
        cluster: the Kubernetes API.
        make_reconciler: creates the reconciler of a pool from its namespace and name.
    """
    clusterwide = ALL_NAMESPACES in settings.namespaces
    namespaces = [] if clusterwide else list(settings.namespaces or [find_namespace()])
    registry = kopf.OperatorRegistry()
    register_pools(registry, make_reconciler)

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
        priority=secrets.randbelow(2**31),  # With equal priorities neither replica would lead.
        peering_name=None if settings.standalone else settings.peering,
        standalone=settings.standalone,
        clusterwide=clusterwide,
        namespaces=namespaces,
    )


def kopf_identity() -> Any:
    """This replica's identity among its peers. kopf's default fails for a user without a name."""
    return f"{socket.gethostname()}.{secrets.token_hex(3)}"


def _configure(settings: ControllerSettings) -> kopf.OperatorSettings:
    configured = kopf.OperatorSettings()
    configured.peering.lifetime = settings.peering_lifetime_ms // 1000
    configured.peering.stealth = True
    configured.posting.reporting_component = "taskyard-controller"
    configured.posting.reporting_instance = socket.gethostname()
    configured.posting.event_name_prefix = "taskyard-"
    # Namespaces and kinds are fixed: no discovery, and no permission for it.
    configured.scanning.disabled = True
    # kopf may store its own state in the status only: the role allows no other write to pools.
    configured.persistence.progress_storage = kopf.StatusProgressStorage(field="status.kopf.progress")
    configured.networking.request_timeout = 30
    return configured


async def _prepare(cluster: Cluster, settings: ControllerSettings, namespaces: list[str]) -> None:
    """Wait for the CustomResourceDefinition of pools and join the peerings of leader election."""
    await _wait_for_kind(cluster, f"/apis/{GROUP}/{VERSION}/workerpools", namespaces[0])
    if settings.standalone:
        return
    own = find_namespace()
    for namespace in namespaces:
        # An owner is in the object's namespace, or is cluster-wide like the object.
        role = settings.role if namespace in ("", own) else ""
        await _retry(partial(join_peering, cluster, namespace, settings.peering, role))


async def _wait_for_kind(cluster: Cluster, path: str, namespace: str) -> None:
    group, plural = path.rsplit("/", 1)
    listed = f"{group}{f'/namespaces/{namespace}' if namespace else ''}/{plural}?limit=1"

    async def poll() -> None:
        while not await cluster.serves(listed):
            log.warning("crd_not_found", kind="WorkerPool", retry_in_s=RETRY_S)
            await asyncio.sleep(RETRY_S)

    await _retry(poll)


async def _retry(call: Callable[[], Any]) -> None:
    """Repeat a call to the Kubernetes API until it succeeds."""
    while True:
        try:
            await call()
        except ClusterError as error:
            log.warning("kubernetes_unavailable", error=str(error), retry_in_s=RETRY_S)
            await asyncio.sleep(RETRY_S)
        else:
            return
