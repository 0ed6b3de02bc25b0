from __future__ import annotations

import base64
import io
import re
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest

from tests.chart.helm import CHART, CI_VALUES, POOLS_KNOWN, ROOT, Helm
from tests.chart.manifests import Manifest, Manifests, key_of, matches, pod_template

# Fields that the Kubernetes API does not allow to change.
IMMUTABLE = {
    "Deployment": ("spec.selector",),
    "StatefulSet": ("spec.selector", "spec.serviceName", "spec.volumeClaimTemplates"),
    "RoleBinding": ("roleRef",),
    "ClusterRoleBinding": ("roleRef",),
}
CLUSTER_WIDE = {"CustomResourceDefinition", "ClusterRole", "ClusterRoleBinding"}

each_ci_file = pytest.mark.parametrize("file", CI_VALUES, ids=lambda path: path.stem)


@each_ci_file
@pytest.mark.parametrize("others", ["two", "taskyard-two"])
def test_two_releases_share_a_namespace(helm: Helm, file: Path, others: str) -> None:
    first = helm.render(files=[file], release="taskyard")
    second = helm.render(files=[file], release=others)
    shared = {key_of(each) for each in first} & {key_of(each) for each in second}
    # The definition is cluster-wide: the second release does not change the existing one.
    belonging = {key_of(each) for each in first.of_kind("CustomResourceDefinition")}
    belonging |= {key_of(each) for each in first.of_kind("ClusterRole") if "workerpools" in each["metadata"]["name"]}
    belonging |= {("ConfigMap", "extra")}
    assert shared <= belonging
    for workload in first.workloads():
        labels = pod_template(workload)["metadata"]["labels"]
        assert not any(matches(each, labels) for each in _selectors(second))


def test_names_stay_within_what_kubernetes_takes_when_the_release_is_long(helm: Helm) -> None:
    workers = [{"name": "p" * 15, "autoscaling": {"enabled": True}}]
    manifests = helm.render({"workers": workers}, files=[_ci("everything-values")], release="r" * 53)
    assert all(len(each["metadata"]["name"]) <= 63 for each in manifests)


def test_namespaced_release_makes_nothing_in_the_cluster(helm: Helm) -> None:
    manifests = helm.render({"crds": {"install": False}})
    assert manifests.of_kind(*CLUSTER_WIDE) == []
    assert all("namespace" not in each["metadata"] for each in manifests)


def test_pools_come_by_hook_until_their_kind_is_known(helm: Helm) -> None:
    values = {"workers": [{"name": "one", "autoscaling": {"enabled": True}}]}
    known = helm.render(values, api_versions=[POOLS_KNOWN])
    unknown = helm.render(values, api_versions=[])
    assert _hooks(known, "WorkerPool") == []
    (weight,) = _hooks(unknown, "WorkerPool")
    (wait,) = _hooks(unknown, "Job")
    assert wait < weight
    assert known.of_kind("Job") == []


def test_pool_made_by_a_hook_is_the_releases_own_at_the_next_upgrade(helm: Helm) -> None:
    values = {"workers": [{"name": "one", "autoscaling": {"enabled": True}}]}
    (pool,) = helm.render(values, api_versions=[], release="one", namespace="two").of_kind("WorkerPool")
    assert pool["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "Helm"
    annotations = pool["metadata"]["annotations"]
    assert annotations["meta.helm.sh/release-name"] == "one"
    assert annotations["meta.helm.sh/release-namespace"] == "two"


@each_ci_file
def test_next_version_changes_no_immutable_field(helm: Helm, file: Path, tmp_path: Path) -> None:
    newer = _with_version(_copy_chart(tmp_path), "99.0.0")
    assert_can_upgrade(helm.render(files=[file]), helm.render(files=[file], chart=newer))


@each_ci_file
def test_chart_of_the_last_release_can_be_upgraded(helm: Helm, file: Path, tmp_path: Path) -> None:
    older = _chart_of(_last_release(), tmp_path)
    values = older / "ci" / file.name
    if not values.exists():
        pytest.skip(f"no upgrade with {file.name} was tested: the last release has no such values")
    assert_can_upgrade(helm.render(files=[values], chart=older), helm.render(files=[values]))


def test_change_of_an_immutable_field_would_be_found_here(helm: Helm) -> None:
    with pytest.raises(AssertionError, match="volumeClaimTemplates"):
        assert_can_upgrade(helm.render(), helm.render({"valkey": {"persistence": {"size": "5Gi"}}}))


def test_restart_of_pods_is_left_out_when_only_the_charts_version_changes(helm: Helm, tmp_path: Path) -> None:
    newer = _with_version(_copy_chart(tmp_path), "99.0.0")
    before, after = helm.render(), helm.render(chart=newer)
    for workload in before.of_kind("Deployment"):
        twin = after.get(*key_of(workload))
        assert pod_template(twin) == pod_template(workload)


def test_generated_password_is_long_and_another_in_each_release(helm: Helm) -> None:
    found = {_password(helm.render(release=each)) for each in ("one", "two")}
    assert len(found) == 2
    assert all(re.fullmatch(rb"[A-Za-z0-9]{40}", base64.b64decode(each)) for each in found)


def assert_can_upgrade(before: Manifests, after: Manifests) -> None:
    there = {key_of(each): each for each in after}
    for manifest in before:
        twin = there.get(key_of(manifest))
        for path in IMMUTABLE.get(manifest["kind"], ()) if twin else ():
            assert _field(manifest, path) == _field(twin, path), f"{key_of(manifest)}: {path}"


def _field(manifest: Any, path: str) -> Any:
    for key in path.split("."):
        manifest = manifest.get(key, {})
    return manifest


def _selectors(manifests: Manifests) -> list[Manifest]:
    found = [each["spec"]["selector"] for each in manifests.of_kind("Deployment", "StatefulSet", "PodDisruptionBudget")]
    found += [{"matchLabels": each["spec"]["selector"]} for each in manifests.of_kind("Service")]
    return found + [each["spec"]["podSelector"] for each in manifests.of_kind("NetworkPolicy")]


def _hooks(manifests: Manifests, kind: str) -> list[int]:
    """Hook weights of a kind."""
    annotations = [each["metadata"].get("annotations", {}) for each in manifests.of_kind(kind)]
    return [int(each["helm.sh/hook-weight"]) for each in annotations if "helm.sh/hook" in each]


def _password(manifests: Manifests) -> str:
    (secret,) = manifests.of_kind("Secret")
    return str(secret["data"]["password"])


def _ci(stem: str) -> Path:
    return CHART / "ci" / f"{stem}.yaml"


def _copy_chart(folder: Path) -> Path:
    copy = folder / "taskyard"
    for path in CHART.rglob("*"):
        if path.is_file():
            (copy / path.relative_to(CHART)).parent.mkdir(parents=True, exist_ok=True)
            (copy / path.relative_to(CHART)).write_bytes(path.read_bytes())
    return copy


def _with_version(chart: Path, version: str) -> Path:
    metadata = chart / "Chart.yaml"
    text = metadata.read_text(encoding="utf-8")
    metadata.write_text(re.sub(r"(?m)^version: .*$", f"version: {version}", text), encoding="utf-8")
    return chart


def _last_release() -> str:
    """The last tag, or without tags the commit that added the chart."""
    tag = _git("describe", "--tags", "--abbrev=0").decode().strip()
    first = _git("log", "--format=%H", "--diff-filter=A", "--", "charts/taskyard/Chart.yaml").decode().split()
    if not tag and not first:
        pytest.skip("no upgrade was tested: without a tag or a git history there is no older chart")
    return tag or first[-1]


def _chart_of(revision: str, folder: Path) -> Path:
    archive = _git("archive", revision, "charts/taskyard")
    if not archive:
        pytest.skip(f"no upgrade was tested: the release {revision} has no chart")
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        opened.extractall(folder, filter="data")
    return folder / "charts" / "taskyard"


def _git(*arguments: str) -> bytes:
    """Output of git; empty if it fails, for example outside of a repository."""
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, timeout=20, check=False)
    return done.stdout if done.returncode == 0 else b""
