"""Kinds that the stand-in for the Kubernetes API serves."""

from __future__ import annotations

from typing import NamedTuple


class Kind(NamedTuple):
    group: str
    version: str
    plural: str
    kind: str
    subresources: tuple[str, ...] = ()
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def resource(self) -> str:
        """Plural with the group."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def title(self) -> str:
        """Kind with the group."""
        return f"{self.kind}.{self.group}" if self.group else self.kind

    @property
    def root(self) -> str:
        return f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"

    def describe(self) -> list[dict[str, object]]:
        verbs = ["create", "delete", "get", "list", "patch", "update", "watch"]
        names = [self.plural, *(f"{self.plural}/{each}" for each in self.subresources)]
        return [
            {"name": name, "singularName": self.kind.lower(), "kind": self.kind, "namespaced": self.namespaced}
            | {"verbs": verbs}
            for name in names
        ]


WORKER_POOLS = Kind("taskyard.dev", "v1alpha1", "workerpools", "WorkerPool", ("status",))
DEPLOYMENTS = Kind("apps", "v1", "deployments", "Deployment", ("status", "scale"))
PODS = Kind("", "v1", "pods", "Pod", ("status",))
EVENTS = Kind("", "v1", "events", "Event")
AUTOSCALERS = Kind("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler", ("status",))
PEERINGS = Kind("kopf.dev", "v1", "kopfpeerings", "KopfPeering")
CLUSTER_PEERINGS = Kind("kopf.dev", "v1", "clusterkopfpeerings", "ClusterKopfPeering", namespaced=False)
ROLES = Kind("rbac.authorization.k8s.io", "v1", "roles", "Role")
CLUSTER_ROLES = Kind("rbac.authorization.k8s.io", "v1", "clusterroles", "ClusterRole", namespaced=False)
NAMESPACES = Kind("", "v1", "namespaces", "Namespace", namespaced=False)
CRDS = Kind(
    "apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", ("status",), namespaced=False
)

ALL = (
    *(WORKER_POOLS, DEPLOYMENTS, PODS, EVENTS, AUTOSCALERS, PEERINGS, CLUSTER_PEERINGS),
    *(ROLES, CLUSTER_ROLES, NAMESPACES, CRDS),
)
