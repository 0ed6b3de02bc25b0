from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from tests.chart.helm import CHART, CI_VALUES, POOLS_KNOWN, Helm
from tests.chart.manifests import Manifest, environment, key_of

DEFINITION = CHART / "files" / "crds" / "workerpools.yaml"


@pytest.fixture(scope="module")
def schema() -> Manifest:
    (version,) = _definition()["spec"]["versions"]
    return dict(version["schema"]["openAPIV3Schema"])


@pytest.mark.parametrize("file", CI_VALUES, ids=lambda path: path.stem)
def test_pools_are_what_their_definition_takes(helm: Helm, schema: Manifest, file: Path) -> None:
    for pool in helm.render(files=[file]).of_kind("WorkerPool"):
        jsonschema_rs.validate(schema, pool)
        assert pool["spec"].keys() <= schema["properties"]["spec"]["properties"].keys()


def test_pool_is_for_its_deployment_queues_and_slots(helm: Helm) -> None:
    entry = {"name": "one", "queues": ["critical:6", "low"], "slots": 7, **scaled({"minReplicas": 0})}
    manifests = helm.render({"workers": [entry]})
    spec = manifests.get("WorkerPool", "taskyard-worker-one")["spec"]
    deployment = manifests.get("Deployment", spec["scaleTargetRef"]["name"])
    environ = environment(deployment)
    assert spec["queues"] == [each.partition(":")[0] for each in environ["TASKYARD_WORKER_QUEUES"].split(",")]
    assert str(spec["slotsPerReplica"]) == environ["TASKYARD_WORKER_SLOTS"]
    assert (spec["minReplicas"], spec["maxReplicas"]) == (0, 10)


def test_controller_reads_the_metrics_of_the_release_when_a_pool_names_none(helm: Helm) -> None:
    variable = "TASKYARD_CONTROLLER_METRICS_ENDPOINT"
    manifests = helm.render({"api": {"service": {"port": 81}}}, namespace="here")
    found = environment(manifests.get("Deployment", "taskyard-controller"))
    assert found[variable] == "http://taskyard-api.here.svc:81/metrics"
    own = helm.render({"controller": {"settings": {"metricsEndpoint": "http://other/metrics"}}})
    assert environment(own.get("Deployment", "taskyard-controller"))[variable] == "http://other/metrics"


def test_pool_reads_the_metrics_of_the_release(helm: Helm) -> None:
    manifests = helm.render({"workers": [{"name": "one", **scaled({})}]}, namespace="here")
    (pool,) = manifests.of_kind("WorkerPool")
    service = manifests.get("Service", "taskyard-api")
    port = service["spec"]["ports"][0]["port"]
    assert pool["spec"]["metrics"] == {"endpoint": f"http://{service['metadata']['name']}.here.svc:{port}/metrics"}


def test_pool_reads_prometheus_when_values_configure_it(helm: Helm) -> None:
    prometheus = {"url": "http://prometheus.monitoring:9090"}
    (pool,) = helm.render(
        {"workers": [{"name": "one", **scaled({"metrics": {"prometheus": prometheus, "timeout": "3s"}})}]}
    ).of_kind("WorkerPool")
    workers = "http://taskyard-api.queues.svc:8080/api/v1/workers"
    assert pool["spec"]["metrics"] == {"prometheus": prometheus, "timeout": "3s", "workersEndpoint": workers}


def test_definition_reaches_the_cluster_unchanged(helm: Helm) -> None:
    rendered = helm.render().get("CustomResourceDefinition", "workerpools.taskyard.dev")
    assert rendered["spec"] == _definition()["spec"]
    assert rendered["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"


def test_definition_goes_with_the_release_when_it_is_not_to_be_kept(helm: Helm) -> None:
    manifests = helm.render({"crds": {"keep": False}})
    kept = [key_of(each) for each in manifests if "helm.sh/resource-policy" in each["metadata"].get("annotations", {})]
    assert kept == []


def test_kind_that_the_chart_looks_for_is_the_one_defined() -> None:
    spec = _definition()["spec"]
    (version,) = spec["versions"]
    assert f"{spec['group']}/{version['name']}/{spec['names']['kind']}" == POOLS_KNOWN


def scaled(pool: dict[str, Any]) -> dict[str, Any]:
    return {"autoscaling": {"enabled": True, "pool": pool}}


def _definition() -> Manifest:
    return dict(yaml.safe_load(DEFINITION.read_text(encoding="utf-8")))
