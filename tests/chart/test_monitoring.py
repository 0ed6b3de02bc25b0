from __future__ import annotations

import json
from pathlib import Path

import yaml

from tests.chart.helm import CHART, Helm
from tests.chart.manifests import Manifests, component_of, containers, key_of, matches

EVERYTHING = CHART / "ci" / "everything-values.yaml"


def rendered(helm: Helm) -> Manifests:
    return helm.render(files=[EVERYTHING])


def test_dashboards_reach_their_config_maps_unchanged(helm: Helm) -> None:
    found = {
        name: text
        for each in rendered(helm).of_kind("ConfigMap")
        if each["metadata"].get("labels", {}).get("grafana_dashboard") == "1"
        for name, text in each["data"].items()
    }
    assert found
    assert found == {each.name: each.read_text(encoding="utf-8") for each in _files("dashboards/*.json")}


def test_dashboards_are_of_grafana_and_have_ids_of_their_own() -> None:
    dashboards = [json.loads(each.read_text(encoding="utf-8")) for each in _files("dashboards/*.json")]
    assert all(each["panels"] and each["title"] for each in dashboards)
    assert len({each["uid"] for each in dashboards}) == len(dashboards)


def test_rules_reach_their_objects_unchanged(helm: Helm) -> None:
    found = {each["metadata"]["name"]: each["spec"] for each in rendered(helm).of_kind("PrometheusRule")}
    files = {f"taskyard-rules-{each.stem}": yaml.safe_load(each.read_text("utf-8")) for each in _files("rules/*.yaml")}
    assert found
    assert found == files


def test_monitors_scrape_ports_that_the_pods_have(helm: Helm) -> None:
    manifests = rendered(helm)
    (of_api,) = manifests.of_kind("ServiceMonitor")
    (service,) = (
        each for each in manifests.of_kind("Service") if matches(of_api["spec"]["selector"], each["metadata"]["labels"])
    )
    assert {each["port"] for each in of_api["spec"]["endpoints"]} <= {each["name"] for each in service["spec"]["ports"]}
    (of_pods,) = manifests.of_kind("PodMonitor")
    (wanted,) = (each["port"] for each in of_pods["spec"]["podMetricsEndpoints"])
    for workload in manifests.services_workloads():
        if component_of(workload) != "api":
            assert wanted in {port["name"] for port in containers(workload)[0]["ports"]}


def test_nothing_of_it_is_there_by_default(helm: Helm) -> None:
    kinds = {key_of(each)[0] for each in helm.render()}
    assert not kinds & {"ServiceMonitor", "PodMonitor", "PrometheusRule", "NetworkPolicy"}


def _files(pattern: str) -> list[Path]:
    return sorted((CHART / "files").glob(pattern))
