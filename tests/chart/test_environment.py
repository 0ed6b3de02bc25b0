from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from queueapi.settings import ApiSettings
from queuecontroller.settings import ControllerSettings
from queuecore.errors import ConfigError
from queuecore.settings.loader import describe, load
from queuecore.settings.shared import ServiceSettings
from queuescheduler.settings import SchedulerSettings
from queueworker.settings import WorkerSettings
from tests.chart.helm import CI_VALUES, Helm
from tests.chart.manifests import Manifest, component_of, containers, environment

SETTINGS: dict[str, type[msgspec.Struct]] = {
    "api": ApiSettings,
    "scheduler": SchedulerSettings,
    "worker": WorkerSettings,
    "controller": ControllerSettings,
}
SECRETS = "/run/secrets/taskyard"
HEADERS = "authorization=Bearer%20token"
PASSWORD = 'a "quoted" \\ password'

each_ci_file = pytest.mark.parametrize("file", CI_VALUES, ids=lambda path: path.stem)


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    """The files that pods have under /run/secrets/taskyard."""
    for name, content in (("redis/password", PASSWORD), ("redis-ca/ca.crt", "PEM"), ("otlp/headers", HEADERS)):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content, encoding="utf-8")
    return tmp_path


def load_settings(workload: Manifest, secrets: Path) -> Any:
    """The settings that the service of a Deployment reads."""
    component = component_of(workload)
    environ = {name: text.replace(SECRETS, str(secrets)) for name, text in environment(workload).items()}
    return load(SETTINGS[component], environ, prefix_of(component))


def prefix_of(component: str) -> str:
    return f"TASKYARD_{component.upper()}_"


@each_ci_file
def test_every_service_starts_with_the_environment_it_is_given(helm: Helm, file: Path, secrets: Path) -> None:
    workloads = helm.render(files=[file]).services_workloads()
    assert {component_of(each) for each in workloads} >= {"api", "scheduler", "worker"}
    for workload in workloads:
        assert isinstance(load_settings(workload, secrets), SETTINGS[component_of(workload)])


@each_ci_file
def test_every_variable_is_one_of_the_service(helm: Helm, file: Path) -> None:
    for workload in helm.render(files=[file]).services_workloads():
        component = component_of(workload)
        known = {row.name for row in describe(SETTINGS[component], prefix_of(component))}
        given = [
            each["name"] for each in containers(workload)[0]["env"] if each["name"].startswith(("TASKYARD_", "OTEL_"))
        ]
        assert set(given) <= known
        assert len(given) == len(set(given))


@each_ci_file
def test_files_that_variables_name_are_mounted_from_secrets(helm: Helm, file: Path) -> None:
    for workload in helm.render(files=[file]).services_workloads():
        (container,) = containers(workload)
        volumes = {each["name"]: each for each in workload["spec"]["template"]["spec"]["volumes"]}
        provided = {
            f"{mount['mountPath']}/{item['path']}"
            for mount in container["volumeMounts"]
            for item in volumes[mount["name"]].get("secret", {}).get("items", [])
        }
        assert {text for text in environment(workload).values() if text.startswith("/run/")} == provided


def test_store_of_the_release_is_reached_by_its_service(helm: Helm, secrets: Path) -> None:
    manifests = helm.render(release="one")
    (service,) = (each for each in manifests.of_kind("Service") if component_of(each) == "valkey")
    settings: ServiceSettings = load_settings(manifests.get("Deployment", "one-taskyard-api"), secrets)
    assert settings.redis.url == f"redis://{service['metadata']['name']}:{service['spec']['ports'][0]['port']}/0"
    assert settings.redis.password == PASSWORD


def test_external_store_is_reached_as_its_values_say(helm: Helm, secrets: Path) -> None:
    (file,) = (each for each in CI_VALUES if each.stem == "sentinel-values")
    workload = helm.render(files=[file]).get("Deployment", "taskyard-worker-default")
    redis = load_settings(workload, secrets).redis
    assert redis.url == "rediss+sentinel://sentinel-0.store:26379,sentinel-1.store:26379/mymaster/0"
    assert (redis.username, redis.password) == ("taskyard", PASSWORD)
    assert redis.tls_ca_file == secrets / "redis-ca" / "ca.crt"
    assert (redis.timeout_ms, redis.max_connections) == (3_000, 32)


def test_values_of_a_pool_become_its_settings(helm: Helm, secrets: Path) -> None:
    pool = {
        "name": "one",
        "queues": ["critical:6", "low"],
        "slots": 7,
        "drainSeconds": 90,
        "settings": {"apps": ["acme.tasks", "acme.more:app"], "queueOrder": "strict"},
    }
    workload = helm.render({"workers": [pool]}).get("Deployment", "taskyard-worker-one")
    settings: WorkerSettings = load_settings(workload, secrets)
    assert settings.queues == ("critical:6", "low")
    assert (settings.slots, settings.drain_ms, settings.queue_order) == (7, 90_000, "strict")
    assert settings.apps == ("acme.tasks", "acme.more:app")


def test_traces_go_where_the_values_say(helm: Helm, secrets: Path) -> None:
    (file,) = (each for each in CI_VALUES if each.stem == "everything-values")
    for workload in helm.render(files=[file]).services_workloads():
        trace = load_settings(workload, secrets).trace
        assert trace.on
        assert (trace.endpoint, trace.protocol) == ("http://otel-collector.monitoring:4317", "grpc")
        assert (trace.sampler, trace.sampler_arg) == ("parentbased_traceidratio", 0.0001)
        assert trace.headers == HEADERS
        env = {each["name"]: each for each in containers(workload)[0]["env"]}
        used = re.findall(r"\$\((\w+)\)", trace.resource_attributes)
        assert used
        # Kubernetes expands only variables defined earlier in the list.
        assert [name for name in env if name in {*used, "OTEL_RESOURCE_ATTRIBUTES"}] == [
            *used,
            "OTEL_RESOURCE_ATTRIBUTES",
        ]
        assert trace.resource_attributes.endswith(",deployment.environment.name=ours%2C%20and%20%3D%20theirs")


def test_nothing_is_traced_by_default(helm: Helm, secrets: Path) -> None:
    for workload in helm.render().services_workloads():
        assert not load_settings(workload, secrets).trace.on
        assert not [each for each in containers(workload)[0]["env"] if each["name"].startswith(("OTEL_", "K8S_"))]


def test_grace_is_longer_than_drain_and_pre_stop(helm: Helm, secrets: Path) -> None:
    for workload in helm.render({"worker": {"drainSeconds": 600}}).services_workloads():
        pod = workload["spec"]["template"]["spec"]
        hook = pod["containers"][0].get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        drain_s = getattr(load_settings(workload, secrets), "drain_ms", 0) / 1000
        assert pod["terminationGracePeriodSeconds"] > hook + drain_s


def test_value_that_a_service_does_not_take_would_be_found_here(helm: Helm, secrets: Path) -> None:
    workload = helm.render({"worker": {"settings": {"lease": "soon"}}}).get("Deployment", "taskyard-worker-default")
    with pytest.raises(ConfigError, match="TASKYARD_WORKER_LEASE"):
        load_settings(workload, secrets)
