"""Installs and upgrades of the chart with existing objects."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.chart.helm import CHART, Helm, RenderingFailed
from tests.chart.manifests import Manifests
from tests.chart.small_cluster import SmallCluster, run_cluster

DEFINITION = "workerpools.taskyard.dev"
KEPT = base64.b64encode(b"kept").decode()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[SmallCluster]:
    with run_cluster() as opened:
        opened.write_kubeconfig(tmp_path / "kubeconfig")
        yield opened


def install(helm: Helm, tmp_path: Path, *options: str) -> dict[str, Any]:
    """The release that an install would create; Helm queries the cluster as for a real one."""
    kubeconfig = f"--kubeconfig={tmp_path / 'kubeconfig'}"
    where = ["one", str(CHART), "--namespace=here", kubeconfig]
    release: dict[str, Any] = json.loads(helm.run("install", *where, "--dry-run=server", "--output=json", *options))
    return release


def render(helm: Helm, tmp_path: Path, *options: str) -> Manifests:
    """The objects that an install would create, hooks included."""
    release = install(helm, tmp_path, *options)
    return Manifests.read("\n---\n".join([release["manifest"], *(each["manifest"] for each in release["hooks"])]))


def owned(name: str) -> dict[str, Any]:
    """The metadata of an object of the release."""
    return {
        "name": name,
        "labels": {"app.kubernetes.io/managed-by": "Helm"},
        "annotations": {"meta.helm.sh/release-name": "one", "meta.helm.sh/release-namespace": "here"},
    }


def definitions(manifests: Manifests) -> set[str]:
    return {each["metadata"]["name"] for each in manifests.of_kind("CustomResourceDefinition")}


def kept() -> list[tuple[str, str]]:
    """Kind and name of the objects that outlive a release."""
    roles = [("clusterrole", f"{DEFINITION}:{each}") for each in ("view", "edit")]
    return [("customresourcedefinition", DEFINITION), *roles]


def put_kept(cluster: SmallCluster, namespace: str, release: str) -> None:
    annotations = {"meta.helm.sh/release-name": release, "meta.helm.sh/release-namespace": namespace}
    paths = {
        "customresourcedefinition": ("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
        "clusterrole": ("rbac.authorization.k8s.io/v1", "ClusterRole"),
    }
    for kind, name in kept():
        version, title = paths[kind]
        content = {"apiVersion": version, "kind": title, "metadata": owned(name) | {"annotations": annotations}}
        cluster.put(f"/apis/{version}/{kind}s/{name}", content)


def put_deployments(cluster: SmallCluster, namespace: str, items: list[dict[str, Any]]) -> None:
    items = [{"apiVersion": "apps/v1", "kind": "Deployment", **each} for each in items]
    content = {"apiVersion": "apps/v1", "kind": "DeploymentList", "metadata": {}, "items": items}
    cluster.put(f"/apis/apps/v1/namespaces/{namespace}/deployments", content)


@pytest.mark.usefixtures("cluster")
def test_install_creates_everything_when_the_cluster_is_empty(helms: list[Helm], tmp_path: Path) -> None:
    for helm in helms:
        manifests = render(helm, tmp_path)
        assert DEFINITION in definitions(manifests)
        assert len(manifests.of_kind("Secret")) == 1


def test_password_is_kept_when_the_release_is_upgraded(
    helms: list[Helm], cluster: SmallCluster, tmp_path: Path
) -> None:
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": owned("one-taskyard-valkey"),
        "data": {"password": KEPT},
    }
    cluster.put("/api/v1/namespaces/here/secrets/one-taskyard-valkey", secret)
    for helm in helms:
        (found,) = render(helm, tmp_path).of_kind("Secret")
        assert found["data"] == {"password": KEPT}


@pytest.mark.parametrize(
    ("annotations", "brought"),
    [
        ({"meta.helm.sh/release-name": "one", "meta.helm.sh/release-namespace": "here"}, True),
        ({"meta.helm.sh/release-name": "one", "meta.helm.sh/release-namespace": "there"}, False),
        ({"meta.helm.sh/release-name": "two", "meta.helm.sh/release-namespace": "here"}, False),
        ({}, False),
    ],
    ids=["own", "other namespace", "other release", "nobody's"],
)
def test_definition_is_installed_when_no_other_release_owns_it(
    helm: Helm, cluster: SmallCluster, tmp_path: Path, annotations: dict[str, str], brought: bool
) -> None:
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": owned(DEFINITION) | {"annotations": annotations},
    }
    cluster.put(f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{DEFINITION}", definition)
    manifests = render(helm, tmp_path)
    assert (DEFINITION in definitions(manifests)) is brought
    roles = {each["metadata"]["name"] for each in manifests.of_kind("ClusterRole")}
    assert bool(roles) is brought
    # The other definitions do not exist yet.
    assert len(definitions(manifests)) == (3 if brought else 2)


def test_orphaned_definition_is_reported_when_its_release_has_been_uninstalled(
    helms: list[Helm], cluster: SmallCluster, tmp_path: Path
) -> None:
    put_kept(cluster, "there", "gone")
    other = {"metadata": {"name": "other", "annotations": {"meta.helm.sh/release-name": "other"}}}
    put_deployments(cluster, "there", [other, {"metadata": {"name": "no-release"}}])
    for helm in helms:
        notes = install(helm, tmp_path)["info"]["notes"]
        assert f"WARNING: {DEFINITION} is left as it is, and NO release upgrades it: it belongs to there/gone" in notes
        (command,) = re.findall(r"kubectl annotate --overwrite (.*) \\\n +(.*)\n?", notes)
        assert command[0].split() == [f"{kind}/{name}" for kind, name in kept()]
        assert command[1] == "meta.helm.sh/release-name=one meta.helm.sh/release-namespace=here"


def test_orphaned_definition_is_upgraded_when_it_was_annotated_as_the_notes_say(
    helms: list[Helm], cluster: SmallCluster, tmp_path: Path
) -> None:
    put_kept(cluster, "here", "one")
    for helm in helms:
        release = install(helm, tmp_path)
        assert DEFINITION in definitions(Manifests.read(release["manifest"]))
        assert "NO release upgrades it" not in release["info"]["notes"]


def test_definition_is_no_orphan_when_its_release_exists(
    helms: list[Helm], cluster: SmallCluster, tmp_path: Path
) -> None:
    put_kept(cluster, "there", "two")
    put_deployments(cluster, "there", [{"metadata": {"annotations": {"meta.helm.sh/release-name": "two"}}}])
    for helm in helms:
        notes = install(helm, tmp_path)["info"]["notes"]
        assert f"{DEFINITION} is left as it is: it belongs to there/two." in notes
        assert "NO release upgrades it" not in notes


@pytest.mark.usefixtures("cluster")
def test_scaled_pools_can_be_installed_before_their_kind_is_known(helms: list[Helm], tmp_path: Path) -> None:
    for helm in helms:
        manifests = render(helm, tmp_path, "--set=worker.autoscaling.enabled=true")
        (pool,) = manifests.of_kind("WorkerPool")
        assert "helm.sh/hook" in pool["metadata"]["annotations"]


@pytest.mark.usefixtures("cluster")
def test_install_fails_when_a_pool_is_no_hook(helms: list[Helm], tmp_path: Path) -> None:
    plain = tmp_path / "values.yaml"
    pool = {"apiVersion": "taskyard.dev/v1alpha1", "kind": "WorkerPool", "metadata": {"name": "plain"}}
    plain.write_text(json.dumps({"extraObjects": [pool]}), encoding="utf-8")
    for helm in helms:
        with pytest.raises(RenderingFailed, match='no matches for kind "WorkerPool"'):
            render(helm, tmp_path, f"--values={plain}")


def test_pool_created_by_the_hook_is_adopted_at_the_next_upgrade(
    helms: list[Helm], cluster: SmallCluster, tmp_path: Path
) -> None:
    (made,) = render(helms[0], tmp_path, "--set=worker.autoscaling.enabled=true").of_kind("WorkerPool")
    name = made["metadata"]["name"]
    cluster.kinds["taskyard.dev/v1alpha1"] = [("workerpools", "WorkerPool", True)]
    cluster.put(f"/apis/taskyard.dev/v1alpha1/namespaces/here/workerpools/{name}", made)
    for helm in helms:
        (pool,) = render(helm, tmp_path, "--set=worker.autoscaling.enabled=true").of_kind("WorkerPool")
        assert "annotations" not in pool["metadata"]
        assert pool["spec"] == made["spec"]


def test_pool_of_another_owner_is_not_adopted(helm: Helm, cluster: SmallCluster, tmp_path: Path) -> None:
    cluster.kinds["taskyard.dev/v1alpha1"] = [("workerpools", "WorkerPool", True)]
    name = "one-taskyard-worker-default"
    other = {"apiVersion": "taskyard.dev/v1alpha1", "kind": "WorkerPool", "metadata": {"name": name}}
    cluster.put(f"/apis/taskyard.dev/v1alpha1/namespaces/here/workerpools/{name}", other)
    with pytest.raises(RenderingFailed, match="cannot be imported into the current release"):
        render(helm, tmp_path, "--set=worker.autoscaling.enabled=true")
