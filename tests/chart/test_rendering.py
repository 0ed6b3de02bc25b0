from __future__ import annotations

from pathlib import Path

import jsonschema_rs
import pytest
import yaml

from tests.chart.helm import CHART, CI_VALUES, Helm, RenderingFailed
from tests.chart.kubernetes_schemas import KindUnknown, validate
from tests.chart.manifests import Manifest, Manifests, containers, environment, key_of

KUBERNETES = ("1.30", "1.34", "1.37")
CUSTOM = {"WorkerPool", "ServiceMonitor", "PodMonitor", "PrometheusRule"}

each_ci_file = pytest.mark.parametrize("file", CI_VALUES, ids=lambda path: path.stem)


@each_ci_file
def test_lint_is_clean_with_every_major(helms: list[Helm], file: Path) -> None:
    for each in helms:
        assert "0 chart(s) failed" in each.run("lint", "--strict", str(CHART), f"--values={file}")


@each_ci_file
@pytest.mark.parametrize("version", KUBERNETES)
def test_manifests_are_valid_in_each_minor(helm: Helm, file: Path, version: str) -> None:
    for manifest in helm.render(files=[file]):
        if manifest["kind"] not in CUSTOM:
            validate(manifest, version)


@pytest.mark.parametrize("version", KUBERNETES)
def test_unknown_field_or_kind_would_be_found(helm: Helm, version: str) -> None:
    deployment = helm.render().get("Deployment", "taskyard-api")
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    container["readynessProbe"] = container.pop("readinessProbe")
    with pytest.raises(jsonschema_rs.ValidationError, match="readynessProbe"):
        validate(deployment, version)
    with pytest.raises(KindUnknown, match="deployment-extensions-v1beta1"):
        validate(deployment | {"apiVersion": "extensions/v1beta1"}, version)


@each_ci_file
def test_both_majors_render_the_same(helms: list[Helm], file: Path) -> None:
    # With a fixed password, because generated ones differ.
    values = {"valkey": {"auth": {"existingSecret": "store"}}}
    first, *others = (sorted(each.render(values, files=[file]), key=key_of) for each in helms)
    assert others, "only one major of Helm is installed"
    assert all(each == first for each in others)


@each_ci_file
def test_no_object_comes_twice(helm: Helm, file: Path) -> None:
    keys = [key_of(each) for each in helm.render(files=[file])]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize(("durability", "policy"), [(None, "everysec"), ("memory", "everysec"), ("fsync", "always")])
def test_store_syncs_as_the_durability_of_tasks_needs(helm: Helm, durability: str | None, policy: str) -> None:
    manifests = helm.render({"api": {"settings": {"durability": durability}}})
    config = manifests.get("ConfigMap", "taskyard-valkey")["data"]["valkey.conf"].splitlines()
    assert [line for line in config if line.startswith("appendfsync")] == [f"appendfsync {policy}"]


def test_an_older_kubernetes_is_refused(helm: Helm) -> None:
    with pytest.raises(RenderingFailed, match="incompatible with Kubernetes"):
        helm.run("template", str(CHART), "--kube-version=1.29.9")


def test_package_holds_what_is_rendered(helm: Helm, tmp_path: Path) -> None:
    helm.run("package", str(CHART), "--destination", str(tmp_path))
    (archive,) = tmp_path.iterdir()
    values = {"valkey": {"auth": {"existingSecret": "store"}}}
    assert helm.render(values, chart=archive) == helm.render(values)


def test_defaults_are_enough_to_render(helm: Helm) -> None:
    assert {each["kind"] for each in helm.render()} >= {"Deployment", "StatefulSet", "Service", "Pod"}


def test_pool_differs_from_the_defaults_where_it_says_so(helm: Helm) -> None:
    worker = {"replicas": 3, "settings": {"demo": True, "lease": "20s"}, "tolerations": [{"key": "a"}]}
    pool = {"name": "one", "replicas": 0, "settings": {"demo": False}, "tolerations": []}
    deployment = helm.render({"worker": worker, "workers": [pool]}).get("Deployment", "taskyard-worker-one")
    environ = environment(deployment)
    assert deployment["spec"]["replicas"] == 0
    assert (environ["TASKYARD_WORKER_DEMO"], environ["TASKYARD_WORKER_LEASE"]) == ("false", "20s")
    assert "tolerations" not in deployment["spec"]["template"]["spec"]


def test_replicas_are_left_to_the_scaler_when_there_is_one(helm: Helm) -> None:
    scaled = {"autoscaling": {"enabled": True}}
    manifests = helm.render({"api": scaled, "workers": [{"name": "one", **scaled}]})
    for name in ("taskyard-api", "taskyard-worker-one"):
        assert "replicas" not in manifests.get("Deployment", name)["spec"]


def test_image_is_named_by_registry_repository_and_digest(helm: Helm) -> None:
    digest = "sha256:" + "ab" * 32
    values = {
        "global": {"imageRegistry": "registry.internal:5000"},
        "api": {"image": {"digest": digest}},
        "scheduler": {"image": {"registry": "other.internal", "tag": "9"}},
    }
    images = {each["metadata"]["name"]: _container(each)["image"] for each in helm.render(values).of_kind("Deployment")}
    assert images["taskyard-api"] == f"registry.internal:5000/taskyard/api@{digest}"
    assert images["taskyard-scheduler"] == "other.internal/taskyard/scheduler:9"
    assert images["taskyard-worker-default"] == f"registry.internal:5000/taskyard/worker:{_app_version()}"


def test_helm_test_needs_a_pool_that_runs_the_demo(helm: Helm) -> None:
    pools = [{"name": "own", "queues": ["own"], "settings": {"demo": False}}, {"name": "two", "queues": ["low:2"]}]
    (pod,) = helm.render({"workers": pools}).of_kind("Pod")
    assert pod["metadata"]["annotations"]["helm.sh/hook"] == "test"
    assert _container(pod)["command"][-2:] == ["http://taskyard-api:8080", "low"]
    assert helm.render({"workers": pools[:1]}).of_kind("Pod") == []


def test_numbers_reach_the_environment_without_exponent(helm: Helm) -> None:
    manifests = helm.render({"scheduler": {"settings": {"poisonLosses": 1_000_000}}})
    assert (
        environment(manifests.get("Deployment", "taskyard-scheduler"))["TASKYARD_SCHEDULER_POISON_LOSSES"] == "1000000"
    )


def test_password_of_the_store_is_in_no_environment_and_no_argument(helm: Helm) -> None:
    manifests = helm.render()
    (secret,) = manifests.of_kind("Secret")
    (password,) = secret["data"].values()
    elsewhere = Manifests(each for each in manifests if each is not secret)
    assert len(password) > 40
    assert password not in yaml.safe_dump(list(elsewhere))


def _container(workload: Manifest) -> Manifest:
    (container,) = containers(workload)
    return container


def _app_version() -> str:
    return str(yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))["appVersion"])


def test_notes_show_a_first_task_and_warnings(helm: Helm) -> None:
    notes = _notes(helm)
    assert "kubectl --namespace queues port-forward service/taskyard-api 8080:8080" in notes
    assert "http://localhost:8080/api/v1/tasks" in notes
    assert "helm --namespace queues test taskyard" in notes
    assert "For production, set externalRedis.url" in notes
    assert "every client that can reach the API may use it" in notes
    assert "every client that can reach the API may use it" not in _notes(helm, "--set=networkPolicy.enabled=true")
    assert "WITHOUT a volume" in _notes(helm, "--set=valkey.persistence.enabled=false")


def _notes(helm: Helm, *options: str) -> str:
    printed = helm.run("install", "taskyard", str(CHART), "--namespace=queues", "--dry-run=client", *options)
    return printed.partition("\nNOTES:\n")[2]
