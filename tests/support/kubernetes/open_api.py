"""OpenAPI documents of WorkerPools, for `kubectl explain`."""

from __future__ import annotations

from typing import Any

from tests.support.kubernetes.kinds import WORKER_POOLS
from tests.support.kubernetes.pool_schema import pool_schema


def describe_pools() -> dict[str, Any]:
    """Path -> OpenAPI document."""
    of_kind = {"group": WORKER_POOLS.group, "version": WORKER_POOLS.version, "kind": WORKER_POOLS.kind}
    path = f"{WORKER_POOLS.root}/namespaces/{{namespace}}/{WORKER_POOLS.plural}"
    listing = {"x-kubernetes-action": "list", "x-kubernetes-group-version-kind": of_kind, "responses": {}}
    schema = pool_schema() | {"x-kubernetes-group-version-kind": [of_kind]}
    document = f"/openapi/v3{WORKER_POOLS.root}"
    return {
        "/openapi/v3": {"paths": {WORKER_POOLS.root.strip("/"): {"serverRelativeURL": document}}},
        document: {
            "openapi": "3.0.0",
            "info": {"title": "Kubernetes", "version": "v1"},
            "paths": {path: {"get": listing}},
            "components": {"schemas": {f"{WORKER_POOLS.group}.{WORKER_POOLS.kind}": schema}},
        },
    }
