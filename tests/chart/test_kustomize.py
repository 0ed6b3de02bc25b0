from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from deploy.chart.overlays import NAMESPACE, OVERLAYS
from tests.chart.helm import ROOT, Helm
from tests.chart.manifests import Manifest, Manifests, key_of

FOLDER = ROOT / "deploy" / "kustomize"
CLUSTER_WIDE = {"CustomResourceDefinition", "ClusterRole", "ClusterRoleBinding"}


def build(kubectl: Path, folder: Path) -> Manifests:
    done = subprocess.run([kubectl, "kustomize", folder], capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 0, done.stderr
    return Manifests.read(done.stdout)


def expected(helm: Helm, environment: str | None) -> list[Manifest]:
    """What the chart renders, less what only Helm can use, in the namespace."""
    files = [FOLDER / "values.yaml"]
    files += [ROOT / "deploy" / "environments" / f"{environment}.yaml"] if environment else []
    found = helm.render(files=files, namespace=NAMESPACE)
    return [each for each in found if "helm.sh/hook" not in each["metadata"].get("annotations", {})]


@pytest.mark.parametrize("environment", [None, *OVERLAYS], ids=["base", *OVERLAYS])
def test_kustomize_builds_what_the_chart_renders(helm: Helm, kubectl: Path, environment: str | None) -> None:
    built = build(kubectl, FOLDER / "overlays" / environment if environment else FOLDER / "base")
    (namespace,) = built.of_kind("Namespace")
    assert namespace["metadata"]["name"] == NAMESPACE
    rest = {key_of(each): each for each in built if each is not namespace}
    wanted = {key_of(each): each for each in expected(helm, environment)}
    assert rest.keys() == wanted.keys()
    for key, manifest in wanted.items():
        if key[0] not in CLUSTER_WIDE:
            manifest["metadata"] = manifest["metadata"] | {"namespace": NAMESPACE}
        assert rest[key] == manifest, key


def test_every_environment_has_its_overlay() -> None:
    environments = {each.stem for each in (ROOT / "deploy" / "environments").glob("*.yaml")}
    assert environments == set(OVERLAYS) == {each.name for each in (FOLDER / "overlays").iterdir()}
