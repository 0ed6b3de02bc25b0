"""Stand-in for the Kubernetes API that Helm queries: discovery, and reads of single objects."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

Object = dict[str, Any]

# By version: plural, kind, whether the kind is namespaced.
_KINDS: dict[str, list[tuple[str, str, bool]]] = {
    "v1": [
        ("configmaps", "ConfigMap", True),
        ("pods", "Pod", True),
        ("secrets", "Secret", True),
        ("serviceaccounts", "ServiceAccount", True),
        ("services", "Service", True),
    ],
    "apps/v1": [("deployments", "Deployment", True), ("statefulsets", "StatefulSet", True)],
    "batch/v1": [("jobs", "Job", True)],
    "policy/v1": [("poddisruptionbudgets", "PodDisruptionBudget", True)],
    "rbac.authorization.k8s.io/v1": [
        ("clusterroles", "ClusterRole", False),
        ("rolebindings", "RoleBinding", True),
        ("roles", "Role", True),
    ],
    "apiextensions.k8s.io/v1": [("customresourcedefinitions", "CustomResourceDefinition", False)],
}


class SmallCluster(ThreadingHTTPServer):
    """Answer from ``objects``, which are by their paths."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.objects: dict[str, Object] = {}
        self.kinds = dict(_KINDS)

    def put(self, path: str, content: Object) -> None:
        """Add an object."""
        self.objects[path] = content

    def write_kubeconfig(self, path: Path) -> None:
        """A kubeconfig for kubectl and Helm."""
        cluster = {"name": "small", "cluster": {"server": f"http://127.0.0.1:{self.server_port}"}}
        context = {"name": "small", "context": {"cluster": "small", "user": "small"}}
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [cluster],
            "contexts": [context],
            "users": [{"name": "small", "user": {}}],
            "current-context": "small",
        }
        path.write_text(json.dumps(content), encoding="utf-8")

    def find(self, path: str) -> Object | None:
        """The response to a GET."""
        match path.strip("/").split("/"):
            case ["version"]:
                return {"major": "1", "minor": "34", "gitVersion": "v1.34.0"}
            case ["api"]:
                return {"kind": "APIVersions", "versions": ["v1"]}
            case ["apis"]:
                groups = [_group(each) for each in self.kinds if "/" in each]
                return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}
            case ["api", "v1"]:
                return self._resources("v1")
            case ["apis", group, version] if f"{group}/{version}" in self.kinds:
                return self._resources(f"{group}/{version}")
        return self.objects.get(path)

    def _resources(self, version: str) -> Object:
        resources = [
            {"name": plural, "singularName": "", "namespaced": namespaced, "kind": kind, "verbs": ["get", "list"]}
            for plural, kind, namespaced in self.kinds[version]
        ]
        return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": resources}


@contextmanager
def run_cluster() -> Iterator[SmallCluster]:
    """Run an empty cluster until the end of the block."""
    cluster = SmallCluster()
    thread = threading.Thread(target=cluster.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield cluster
    finally:
        cluster.shutdown()
        thread.join()
        cluster.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: SmallCluster

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/openapi/v2":
            # An OpenAPI document without kinds, in protobuf.
            self._send(200, b"")
            return
        found = self.server.find(path)
        missing = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404}
        self._send(404 if found is None else 200, json.dumps(missing if found is None else found).encode())

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Discard the log."""


def _group(version: str) -> Object:
    name, _, short = version.partition("/")
    served = {"groupVersion": version, "version": short}
    return {"name": name, "versions": [served], "preferredVersion": served}
