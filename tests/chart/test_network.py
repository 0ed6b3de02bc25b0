from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.chart.helm import CHART, Helm
from tests.chart.manifests import Manifest, Manifests, component_of, containers, matches, pod_template

ON: dict[str, Any] = {"networkPolicy": {"enabled": True}}
EVERYTHING = CHART / "ci" / "everything-values.yaml"

# Required connections: source, target, port.
NEEDED = (
    ("api", "valkey", 6379),
    ("scheduler", "valkey", 6379),
    ("worker", "valkey", 6379),
    ("controller", "api", 8080),
    ("test", "api", 8080),
)
FORBIDDEN = (
    ("controller", "valkey", 6379),
    ("test", "valkey", 6379),
    ("worker", "api", 8080),
    ("api", "worker", 9090),
    ("scheduler", "controller", 9090),
    ("valkey", "api", 8080),
)


@pytest.mark.parametrize(("source", "target", "port"), NEEDED)
@pytest.mark.parametrize("file", [None, EVERYTHING], ids=["default", "everything"])
def test_connection_that_is_needed_is_let_through(
    helm: Helm, file: Path | None, source: str, target: str, port: int
) -> None:
    manifests = helm.render(ON, files=[file] if file else [])
    assert _may(manifests, source, target, port)


@pytest.mark.parametrize(("source", "target", "port"), FORBIDDEN)
def test_connection_that_is_not_needed_is_not_let_through(helm: Helm, source: str, target: str, port: int) -> None:
    assert not _may(helm.render(ON), source, target, port)


def test_every_pod_has_a_policy(helm: Helm) -> None:
    manifests = helm.render(ON)
    for workload in manifests.workloads():
        labels = pod_template(workload)["metadata"]["labels"]
        assert any(matches(each["spec"]["podSelector"], labels) for each in manifests.of_kind("NetworkPolicy"))


def test_every_client_can_ask_for_names(helm: Helm) -> None:
    for policy in helm.render(ON).of_kind("NetworkPolicy"):
        ports = [port["port"] for rule in policy["spec"].get("egress", []) for port in rule["ports"]]
        assert (53 in ports) is (component_of(policy) != "valkey")


def test_external_store_is_reached_where_it_is(helm: Helm) -> None:
    manifests = helm.render(files=[CHART / "ci" / "cluster-values.yaml"])
    rules = manifests.get("NetworkPolicy", "taskyard-worker")["spec"]["egress"]
    wanted = {"ports": [{"port": 6379, "protocol": "TCP"}], "to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}
    assert wanted in rules


def test_collector_is_reached_where_it_is(helm: Helm) -> None:
    values = {**ON, "tracing": {"endpoint": "http://collector:4318"}}
    values["networkPolicy"] = {"enabled": True, "collectorTo": [{"namespaceSelector": {}}], "collectorPorts": [4318]}
    manifests = helm.render(values)
    wanted = {"ports": [{"port": 4318, "protocol": "TCP"}], "to": [{"namespaceSelector": {}}]}
    for component in ("api", "scheduler", "worker", "controller"):
        assert wanted in manifests.get("NetworkPolicy", f"taskyard-{component}")["spec"]["egress"]
    assert wanted not in manifests.get("NetworkPolicy", "taskyard-test")["spec"]["egress"]


def test_controller_that_leads_reaches_the_apis_of_all_releases(helm: Helm) -> None:
    values = {"networkPolicy": {"enabled": True, "apiFrom": [{"podSelector": {"matchLabels": {"calls": "taskyard"}}}]}}
    both = Manifests(helm.render(values, release="one") + helm.render(values, release="two"))
    assert _may(both, "controller", "api", 8080)
    assert not _may(both, "test", "api", 8080)


def test_controller_of_the_cluster_reaches_apis_of_other_namespaces(helm: Helm) -> None:
    manifests = helm.render({**ON, "controller": {"scope": "cluster"}})
    rules = manifests.get("NetworkPolicy", "taskyard-controller")["spec"]["egress"]
    (to_apis,) = (rule["to"] for rule in rules if rule["ports"][0]["port"] == 8080)
    assert [each["namespaceSelector"] for each in to_apis] == [{}]


def test_controller_reaches_what_its_values_add(helm: Helm) -> None:
    prometheus = {"ports": [{"port": 9090, "protocol": "TCP"}], "to": [{"namespaceSelector": {}}]}
    manifests = helm.render({"networkPolicy": {"enabled": True, "controllerEgress": [prometheus]}})
    having = [
        component_of(each)
        for each in manifests.of_kind("NetworkPolicy")
        if prometheus in each["spec"].get("egress", [])
    ]
    assert having == ["controller"]


def _may(manifests: Manifests, source: str, target: str, port: int) -> bool:
    """Whether policies allow connections from pods of one component to pods of another."""
    for sender in _of(manifests, source):
        for receiver in _of(manifests, target):
            out = _allows(manifests, sender, receiver, "egress", "to", port)
            if not (out and _allows(manifests, receiver, sender, "ingress", "from", port)):
                return False
    return True


def _allows(manifests: Manifests, owner: Manifest, peer: Manifest, direction: str, key: str, port: int) -> bool:
    labels, others = (pod_template(each)["metadata"]["labels"] for each in (owner, peer))
    (policy,) = (each for each in manifests.of_kind("NetworkPolicy") if matches(each["spec"]["podSelector"], labels))
    names = {each["name"]: each["containerPort"] for each in containers(owner)[0].get("ports", [])}
    return any(
        port in {names.get(each["port"], each["port"]) for each in rule["ports"]}
        and (key not in rule or any(matches(each.get("podSelector", {}), others) for each in _in_namespace(rule[key])))
        for rule in policy["spec"].get(direction, [])
    )


def _in_namespace(peers: list[Manifest]) -> list[Manifest]:
    """The peers that match pods of the same namespace."""
    return [each for each in peers if "podSelector" in each and not each.get("namespaceSelector")]


def _of(manifests: Manifests, component: str) -> list[Manifest]:
    found = [each for each in manifests.workloads() if component_of(each) == component]
    assert found, component
    return found
