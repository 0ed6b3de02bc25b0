from __future__ import annotations

import asyncio
import urllib.request
from pathlib import Path

import httpx
import pytest
from prometheus_client import CollectorRegistry

from queueapi.app import create_api
from queueapi.settings import ApiSettings
from queuecore.observe.probes import ProbeServer
from queuecore.settings.shared import RedisSettings
from tests.chart.helm import CI_VALUES, Helm
from tests.chart.manifests import (
    Manifest,
    Manifests,
    component_of,
    containers,
    environment,
    key_of,
    matches,
    pod_template,
)

each_ci_file = pytest.mark.parametrize("file", CI_VALUES, ids=lambda path: path.stem)
PROBES = ("startupProbe", "livenessProbe", "readinessProbe")


def port_of(container: Manifest, name: str) -> int:
    (found,) = (each["containerPort"] for each in container["ports"] if each["name"] == name)
    return int(found)


@each_ci_file
def test_every_service_has_all_probes_on_the_port_it_listens_on(helm: Helm, file: Path) -> None:
    for workload in helm.render(files=[file]).services_workloads():
        component = component_of(workload)
        (container,) = containers(workload)
        variable = "TASKYARD_API_PORT" if component == "api" else f"TASKYARD_{component.upper()}_PROBE_PORT"
        for probe in PROBES:
            port = port_of(container, container[probe]["httpGet"]["port"])
            assert str(port) == environment(workload)[variable]


def test_pods_of_the_api_stay_in_the_service_when_the_store_is_unreachable(helm: Helm) -> None:
    paths = {
        component_of(each): containers(each)[0]["readinessProbe"]["httpGet"]["path"]
        for each in helm.render().services_workloads()
    }
    assert paths == {"api": "/ready/local", "scheduler": "/ready", "worker": "/ready", "controller": "/ready"}


@each_ci_file
def test_startup_probe_waits_when_a_process_begins(helm: Helm, file: Path) -> None:
    for workload in helm.render(files=[file]).services_workloads():
        assert containers(workload)[0]["startupProbe"]["initialDelaySeconds"] >= 1


# Warnings of Litestar about the API's handlers belong to the API's own tests.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@each_ci_file
def test_probes_ask_for_paths_that_the_services_have(helm: Helm, file: Path) -> None:
    wanted: dict[bool, set[str]] = {True: set(), False: set()}
    for workload in helm.render(files=[file]).services_workloads():
        for container in containers(workload):
            wanted[component_of(workload) == "api"] |= {container[each]["httpGet"]["path"] for each in PROBES}
    assert all(_api_has(path) for path in wanted[True])
    assert all(_answers(path) for path in wanted[False])


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_unknown_path_would_be_found_here() -> None:
    assert not _api_has("/alive")
    assert not _answers("/alive")


@each_ci_file
def test_pods_pass_the_restricted_security_standard(helm: Helm, file: Path) -> None:
    for workload in helm.render(files=[file]).workloads():
        pod = pod_template(workload)["spec"]
        assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] > 0
        assert pod["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault"
        allowed = {"name", "configMap", "emptyDir", "secret", "projected", "persistentVolumeClaim"}
        assert all(each.keys() <= allowed for each in pod.get("volumes", []))
        for container in containers(workload):
            context = container["securityContext"]
            assert context["allowPrivilegeEscalation"] is False
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert context["readOnlyRootFilesystem"] is True
            assert not any("hostPort" in port for port in container.get("ports", []))


@each_ci_file
def test_only_who_talks_to_kubernetes_has_a_token(helm: Helm, file: Path) -> None:
    manifests = helm.render(files=[file])
    for workload in manifests.workloads():
        pod = pod_template(workload)["spec"]
        assert pod["automountServiceAccountToken"] is (component_of(workload) in ("controller", "wait-for-crd"))
        assert pod["enableServiceLinks"] is False
    assert all(each["automountServiceAccountToken"] is False for each in manifests.of_kind("ServiceAccount"))


@each_ci_file
def test_every_pod_says_what_it_needs(helm: Helm, file: Path) -> None:
    for workload in helm.render(files=[file]).workloads():
        for container in containers(workload):
            assert container["resources"]["requests"].keys() == {"cpu", "memory"}
            assert "memory" in container["resources"]["limits"]


@each_ci_file
def test_every_mount_has_its_volume_and_every_volume_its_mount(helm: Helm, file: Path) -> None:
    for workload in helm.render(files=[file]).workloads():
        mounted = {mount["name"] for each in containers(workload) for mount in each.get("volumeMounts", [])}
        volumes = {each["name"] for each in pod_template(workload)["spec"].get("volumes", [])}
        claimed = {each["metadata"]["name"] for each in workload["spec"].get("volumeClaimTemplates", [])}
        assert mounted == volumes | claimed


@each_ci_file
def test_what_pods_refer_to_is_in_the_release_or_named_in_the_values(helm: Helm, file: Path) -> None:
    manifests = helm.render(files=[file])
    there = {key_of(each) for each in manifests}
    text = file.read_text(encoding="utf-8")
    for workload in manifests.workloads():
        pod = pod_template(workload)["spec"]
        wanted = {("ConfigMap", each["configMap"]["name"]) for each in pod.get("volumes", []) if "configMap" in each}
        wanted |= {("Secret", each["secret"]["secretName"]) for each in pod.get("volumes", []) if "secret" in each}
        if account := pod.get("serviceAccountName"):
            wanted.add(("ServiceAccount", account))
        assert all(each in there or each[1] in text for each in wanted)


@each_ci_file
def test_selectors_match_exactly_the_pods_they_are_for(helm: Helm, file: Path) -> None:
    manifests = helm.render(files=[file])
    pods = {key_of(each): pod_template(each)["metadata"]["labels"] for each in manifests.workloads()}
    for key, selector in _selectors(manifests):
        selected = {owner for owner, labels in pods.items() if matches(selector, labels)}
        assert selected == _meant(key, manifests), key


@each_ci_file
def test_budgets_are_there_where_more_than_one_pod_can_run(helm: Helm, file: Path) -> None:
    manifests = helm.render(files=[file])
    most = {name: each["spec"].get("replicas") for _, name, each in _named(manifests.of_kind("Deployment"))}
    for _, _, scaler in _named(manifests.of_kind("HorizontalPodAutoscaler")):
        most[scaler["spec"]["scaleTargetRef"]["name"]] = scaler["spec"]["minReplicas"]
    for _, _, pool in _named(manifests.of_kind("WorkerPool")):
        most[pool["spec"]["scaleTargetRef"]["name"]] = pool["spec"]["maxReplicas"]
    budgets = {name: each["spec"] for _, name, each in _named(manifests.of_kind("PodDisruptionBudget"))}
    assert budgets.keys() == {name for name, count in most.items() if count > 1}
    assert all(("minAvailable" in each) != ("maxUnavailable" in each) for each in budgets.values())


def _named(manifests: list[Manifest]) -> list[tuple[str, str, Manifest]]:
    return [(*key_of(each), each) for each in manifests]


def _selectors(manifests: Manifests) -> list[tuple[tuple[str, str], Manifest]]:
    found = []
    for each in manifests:
        match each["kind"]:
            case "Service":
                found.append((key_of(each), {"matchLabels": each["spec"]["selector"]}))
            case "Deployment" | "StatefulSet" | "PodDisruptionBudget":
                found.append((key_of(each), each["spec"]["selector"]))
            case "NetworkPolicy":
                found.append((key_of(each), each["spec"]["podSelector"]))
            case "PodMonitor":
                found.append((key_of(each), each["spec"]["selector"]))
    return found


def _meant(key: tuple[str, str], manifests: Manifests) -> set[tuple[str, str]]:
    """The workloads whose pods an object selects, by kind and name."""
    kind, name = key
    workloads = manifests.workloads()
    if kind == "PodMonitor":
        return {key_of(each) for each in workloads if component_of(each) in ("scheduler", "worker", "controller")}
    if kind == "NetworkPolicy":
        component = component_of(manifests.get(kind, name))
        return {key_of(each) for each in workloads if component_of(each) == component}
    return {key_of(each) for each in workloads if each["metadata"]["name"] == name and each["kind"] != "Job"}


def _api_has(path: str) -> bool:
    async def ask() -> int:
        # Without a store, /ready responds with 503.
        api = create_api(ApiSettings(redis=RedisSettings(url="redis://127.0.0.1:1/0")))
        transport = httpx.ASGITransport(api.asgi)  # type: ignore[arg-type]  # Litestar's types of scopes are its own
        async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
            return (await client.get(path)).status_code

    return asyncio.run(ask()) in (200, 503)


def _answers(path: str) -> bool:
    probes = ProbeServer("127.0.0.1", 0, lambda: None, lambda: None, CollectorRegistry())
    probes.start()
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{probes.port}{path}", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
    finally:
        probes.stop()
