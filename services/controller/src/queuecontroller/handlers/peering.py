"""The peering object of the leader election, and its owners.

All releases of a namespace share it. The Role of each is an owner, and Kubernetes deletes the object with the last one.
"""

from __future__ import annotations

import structlog

from queuecontroller.cluster.client import Cluster, Object
from queuecontroller.errors import ClusterForbidden, ObjectNotFound

_RBAC = "rbac.authorization.k8s.io/v1"

log = structlog.get_logger()


async def join_peering(cluster: Cluster, namespace: str, name: str, role: str) -> None:
    """Create the peering object unless it exists, and make this controller's role one of its owners.

    Args:
        cluster: the Kubernetes API.
        namespace: of the KopfPeering; empty for a ClusterKopfPeering.
        name: of the peering object.
        role: a Role of ``namespace``, or the ClusterRole; empty to add no owner.

    Raises:
        ClusterError: the Kubernetes API refused, or another controller changed the object. Call again.
    """
    owner = await _find_owner(cluster, namespace, role) if role else None
    kind = "KopfPeering" if namespace else "ClusterKopfPeering"
    path = f"{_root('kopf.dev/v1', namespace)}/{kind.lower()}s"
    metadata = {"name": name} | ({"ownerReferences": [owner]} if owner else {})
    await cluster.create(path, {"apiVersion": "kopf.dev/v1", "kind": kind, "metadata": metadata})
    if owner:
        await _add_owner(cluster, f"{path}/{name}", owner)


async def _find_owner(cluster: Cluster, namespace: str, role: str) -> Object | None:
    """The owner reference of a role; ``None`` when it cannot be read."""
    kind = "Role" if namespace else "ClusterRole"
    try:
        found = await cluster.get_object(f"{_root(_RBAC, namespace)}/{kind.lower()}s/{role}")
    except (ClusterForbidden, ObjectNotFound) as error:
        log.warning("peering_owner_not_found", kind=kind, name=role, error=str(error))
        return None
    return {"apiVersion": _RBAC, "kind": kind, "name": role, "uid": found["metadata"]["uid"]}


async def _add_owner(cluster: Cluster, path: str, owner: Object) -> None:
    metadata = (await cluster.get_object(path))["metadata"]
    owners = metadata.get("ownerReferences", [])
    if owner["uid"] in [each["uid"] for each in owners]:
        return
    # A merge patch replaces the list: the version prevents that two controllers remove each other's owner.
    changed = {"resourceVersion": metadata["resourceVersion"], "ownerReferences": [*owners, owner]}
    await cluster.patch_object(path, {"metadata": changed})


def _root(group_version: str, namespace: str) -> str:
    return f"/apis/{group_version}" + (f"/namespaces/{namespace}" if namespace else "")
