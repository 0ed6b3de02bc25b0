from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

from deploy.chart.overlays import NAMESPACE, OVERLAYS, Render, make_overlays
from tests.chart.helm import CHART, ROOT, Helm
from tests.chart.manifests import Manifest, Manifests, component_of, key_of

FOLDER = ROOT / "deploy" / "kustomize"
CLUSTER_WIDE = {"CustomResourceDefinition", "ClusterRole", "ClusterRoleBinding"}


def build(kubectl: Path, folder: Path) -> Manifests:
    done = subprocess.run([kubectl, "kustomize", folder], capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 0, done.stderr
    return Manifests.read(done.stdout)


def expected(helm: Helm, environment: str | None, *, shared: bool = False) -> list[Manifest]:
    """The chart's objects, without those that only Helm can use; either the release's own or the shared ones."""
    files = [FOLDER / "values.yaml"]
    files += [ROOT / "deploy" / "environments" / f"{environment}.yaml"] if environment else []
    found = helm.render(files=files, namespace=NAMESPACE)
    own = [each for each in found if "helm.sh/hook" not in each["metadata"].get("annotations", {})]
    return [each for each in own if (component_of(each) == "crds") is shared]


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


@pytest.mark.parametrize("folder", ["base", *(f"overlays/{each}" for each in OVERLAYS)])
def test_workerpools_of_the_cluster_survive_when_an_overlay_is_deleted(kubectl: Path, folder: str) -> None:
    cluster_wide = {key_of(each) for each in build(kubectl, FOLDER / folder) if each["kind"] in CLUSTER_WIDE}
    assert cluster_wide == set()


def test_kustomize_builds_the_definitions_in_a_folder_of_their_own(helm: Helm, kubectl: Path) -> None:
    built = {key_of(each): each for each in build(kubectl, FOLDER / "crds")}
    assert built == {key_of(each): each for each in expected(helm, None, shared=True)}
    assert ("CustomResourceDefinition", "workerpools.taskyard.dev") in built


def test_every_environment_has_its_overlay() -> None:
    environments = {each.stem for each in (ROOT / "deploy" / "environments").glob("*.yaml")}
    assert environments == set(OVERLAYS) == {each.name for each in (FOLDER / "overlays").iterdir()}


def test_overlays_hold_no_dashboard_when_it_is_a_file_of_the_chart(tmp_path: Path) -> None:
    dashboards = _dashboards(tmp_path, {"queue.json": "{}"})

    files = make_overlays(_rendering("queue.json", "{}"), tmp_path / "chart", tmp_path / "deploy")

    for name in OVERLAYS:
        overlay = tmp_path / "deploy" / "kustomize" / "overlays" / name
        assert "queue.json" not in files[overlay / "added.yaml"]
        resources = yaml.safe_load(files[overlay / "kustomization.yaml"])["resources"]
        assert (overlay / resources[-1]).resolve() == dashboards
    (generator,) = yaml.safe_load(files[dashboards / "kustomization.yaml"])["configMapGenerator"]
    assert generator == {"name": "queue", "files": ["queue.json"], "options": {"labels": {"some": "label"}}}


def test_overlays_hold_a_dashboard_when_values_change_it(tmp_path: Path) -> None:
    dashboards = _dashboards(tmp_path, {"queue.json": "{}"})

    files = make_overlays(_rendering("queue.json", "{changed}"), tmp_path / "chart", tmp_path / "deploy")

    assert dashboards / "kustomization.yaml" not in files
    overlay = tmp_path / "deploy" / "kustomize" / "overlays" / OVERLAYS[0]
    assert "{changed}" in files[overlay / "added.yaml"]


def test_package_of_the_chart_is_without_the_kustomization_of_the_dashboards() -> None:
    assert "kustomization.yaml" in (CHART / ".helmignore").read_text(encoding="utf-8").splitlines()


def _dashboards(folder: Path, files: dict[str, str]) -> Path:
    dashboards = folder / "chart" / "files" / "dashboards"
    dashboards.mkdir(parents=True)
    for name, text in files.items():
        (dashboards / name).write_text(text, encoding="utf-8")
    return dashboards


def _rendering(name: str, text: str) -> Render:
    """Renderer with one dashboard in every environment, and an empty base."""
    dashboard = {"kind": "ConfigMap", "metadata": {"name": "queue", "labels": {"some": "label"}}, "data": {name: text}}
    return lambda values: [dashboard] if len(values) > 1 else []
