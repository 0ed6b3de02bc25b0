from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.chart.helm import CHART, Helm, RenderingFailed
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


def _rules(helm: Helm, **alerts: Any) -> dict[str, Any]:
    rendered = helm.render({"monitoring": {"prometheusRule": {"enabled": True, "alerts": alerts}}})
    groups = [group for each in rendered.of_kind("PrometheusRule") for group in each["spec"]["groups"]]
    return {rule["alert"]: rule for group in groups for rule in group["rules"] if "alert" in rule}


def test_alerts_are_changed_as_the_values_say(helms: list[Helm]) -> None:
    for helm in helms:
        plain, old = _rules(helm), "TaskyardOldestTaskTooOld"

        changed = _rules(
            helm,
            TaskyardOldestTaskTooOld={"threshold": 3600, "for": "1h", "severity": "critical"},
            TaskyardStoreMemoryHigh={"threshold": 0.95},
            TaskyardQueuePaused={"enabled": False},
        )

        assert plain.keys() - changed.keys() == {"TaskyardQueuePaused"}
        assert plain[old]["expr"].endswith(") > 600")
        assert changed[old]["expr"] == plain[old]["expr"].removesuffix("600") + "3600"
        assert (changed[old]["for"], changed[old]["labels"]) == ("1h", {"severity": "critical"})
        assert changed["TaskyardStoreMemoryHigh"]["expr"].endswith("> 0.95")
        untouched = changed.keys() - {old, "TaskyardStoreMemoryHigh"}
        assert {each: changed[each] for each in untouched} == {each: plain[each] for each in untouched}


@pytest.mark.parametrize(
    ("alerts", "message"),
    [
        ({"TaskyardNothing": {"enabled": False}}, "alerts.TaskyardNothing: there is no such alert"),
        ({"TaskyardStoreNotReady": {"threshold": 3}}, "this alert has no single threshold"),
        ({"TaskyardQueuePaused": {"after": "1h"}}, "after"),
    ],
)
def test_changes_of_alerts_are_refused_when_they_change_nothing(
    helm: Helm, alerts: dict[str, Any], message: str
) -> None:
    with pytest.raises(RenderingFailed, match=message):
        _rules(helm, **alerts)


def test_runbooks_are_where_the_values_say(helm: Helm) -> None:
    ours = "https://wiki.internal/taskyard"
    rendered = helm.render({"monitoring": {"runbookUrl": ours}}, files=[EVERYTHING])
    groups = [group for each in rendered.of_kind("PrometheusRule") for group in each["spec"]["groups"]]
    urls = {
        rule["annotations"]["runbook_url"].rpartition("/")[0]
        for group in groups
        for rule in group["rules"]
        if "alert" in rule
    }
    assert urls == {ours}
    texts = [
        text
        for each in rendered.of_kind("ConfigMap")
        for name, text in each.get("data", {}).items()
        if name.endswith(".json")
    ]
    assert texts
    assert not [text for text in texts if "taskyard.dev/docs" in text]


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
