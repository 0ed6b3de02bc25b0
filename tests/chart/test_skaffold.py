from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.chart.helm import ROOT, Helm
from tests.chart.manifests import containers

SERVICES = ("api", "scheduler", "worker", "controller")
DOCKERFILE = ROOT / "deploy" / "docker" / "Dockerfile"

# Fields of the declared version in use, from its reference; check further ones there before adding them.
_BUILD = {
    "tagPolicy": {"inputDigest": {}},
    "local": {"useBuildkit": None},
    "artifacts": [
        {
            "image": None,
            "context": None,
            "docker": {"dockerfile": None, "target": None, "buildArgs": {"SERVICE": None}},
            "sync": {"manual": [{"src": None, "dest": None, "strip": None}]},
        }
    ],
}
_DEPLOY = {
    "helm": {
        "releases": [
            {
                "name": None,
                "chartPath": None,
                "namespace": None,
                "createNamespace": None,
                "wait": None,
                "valuesFiles": [None],
                "setValueTemplates": None,
            }
        ],
        "hooks": {"after": [{"host": {"command": [None]}}]},
    }
}
FIELDS: dict[str, dict[str, Any]] = {
    "skaffold/v4beta13": {
        "apiVersion": None,
        "kind": None,
        "metadata": {"name": None},
        "build": _BUILD,
        "deploy": _DEPLOY,
        "portForward": [
            {"resourceType": None, "resourceName": None, "namespace": None, "port": None, "localPort": None}
        ],
        "profiles": [{"name": None, "activation": [{"command": None}], "build": _BUILD, "deploy": _DEPLOY}],
    }
}


@pytest.fixture(scope="module")
def config() -> dict[str, Any]:
    return dict(yaml.safe_load((ROOT / "skaffold.yaml").read_text(encoding="utf-8")))


def profile(config: dict[str, Any], name: str) -> dict[str, Any]:
    (found,) = (each for each in config["profiles"] if each["name"] == name)
    return dict(found)


def releases(config: dict[str, Any]) -> list[dict[str, Any]]:
    production = profile(config, "production")["deploy"]["helm"]["releases"]
    return [*config["deploy"]["helm"]["releases"], *production]


def artifacts(config: dict[str, Any]) -> list[dict[str, Any]]:
    return [*config["build"]["artifacts"], *profile(config, "dev")["build"]["artifacts"]]


def test_only_fields_of_the_declared_version_are_used(config: dict[str, Any]) -> None:
    assert _unknown(config, FIELDS[config["apiVersion"]], "") == []


def test_field_of_another_version_would_be_found(config: dict[str, Any]) -> None:
    old = config | {"deploy": {"helm": {"releases": [{"artifactOverrides": {}}]}}}
    assert _unknown(old, FIELDS[config["apiVersion"]], "") == [".deploy.helm.releases.artifactOverrides"]


def test_profiles_are_those_of_development_and_production(config: dict[str, Any]) -> None:
    assert [each["name"] for each in config["profiles"]] == ["dev", "production"]


def test_every_path_exists(config: dict[str, Any]) -> None:
    for artifact in artifacts(config):
        context = ROOT / artifact["context"]
        assert (context / artifact["docker"]["dockerfile"]).is_file()
        for rule in artifact.get("sync", {}).get("manual", []):
            assert list(context.glob(rule["src"]))
            assert rule["src"].startswith(rule["strip"])
    for release in releases(config):
        assert (ROOT / release["chartPath"] / "Chart.yaml").is_file()
        assert all((ROOT / each).is_file() for each in release["valuesFiles"])


def test_every_image_is_one_of_the_charts_and_a_target_of_the_dockerfile(config: dict[str, Any], helm: Helm) -> None:
    deployed = {containers(each)[0]["image"].partition(":")[0] for each in helm.render().services_workloads()}
    targets = set(re.findall(r"(?m)^FROM \S+ AS (\S+)$", DOCKERFILE.read_text(encoding="utf-8")))
    for built in (config["build"]["artifacts"], profile(config, "dev")["build"]["artifacts"]):
        assert {each["image"] for each in built} == deployed
    for artifact in artifacts(config):
        assert artifact["docker"]["target"] in targets
        service = artifact["docker"].get("buildArgs", {}).get("SERVICE", artifact["docker"]["target"])
        assert artifact["image"] == f"taskyard/{service}"


def test_images_reach_the_values_that_the_chart_has(config: dict[str, Any], helm: Helm) -> None:
    for release in releases(config):
        values: dict[str, Any] = {}
        for path, template in release["setValueTemplates"].items():
            found = re.fullmatch(r"\{\{\.IMAGE_(REPO|TAG)_taskyard_(\w+)\}\}", template)
            assert found
            text = f"localhost:5000/taskyard/{found[2]}" if found[1] == "REPO" else "abc@sha256:" + "0" * 64
            _set(values, path, text)
        manifests = helm.render(values, files=[ROOT / each for each in release["valuesFiles"]], release=release["name"])
        for workload in manifests.services_workloads():
            component = workload["metadata"]["labels"]["app.kubernetes.io/component"]
            wanted = f"localhost:5000/taskyard/{component}:abc@sha256:{'0' * 64}"
            assert containers(workload)[0]["image"] == wanted


def test_unknown_value_would_be_found(helm: Helm) -> None:
    with pytest.raises(Exception, match="repo"):
        helm.render({"api": {"image": {"repo": "x"}}})


def test_forwarded_port_is_one_of_a_service_of_the_release(config: dict[str, Any], helm: Helm) -> None:
    (release,) = config["deploy"]["helm"]["releases"]
    manifests = helm.render(files=[ROOT / each for each in release["valuesFiles"]], release=release["name"])
    for forward in config["portForward"]:
        assert forward["namespace"] == release["namespace"]
        service = manifests.get("Service", forward["resourceName"])
        assert forward["port"] in {each["port"] for each in service["spec"]["ports"]}


@pytest.mark.parametrize("name", [None, "dev", "production"])
def test_release_is_verified_by_its_own_test(config: dict[str, Any], helm: Helm, name: str | None) -> None:
    # Skaffold does not merge them: the helm block of a profile replaces the default one.
    chosen = profile(config, name) if name else config
    deployed = chosen.get("deploy", config["deploy"])["helm"]
    (hook,) = deployed["hooks"]["after"]
    (release,) = deployed["releases"]
    assert hook["host"]["command"][:5] == ["helm", "test", release["name"], "--namespace", release["namespace"]]
    assert helm.render(files=[ROOT / each for each in release["valuesFiles"]]).of_kind("Pod")


def test_synchronized_sources_go_where_the_dev_image_looks(config: dict[str, Any]) -> None:
    text = DOCKERFILE.read_text(encoding="utf-8")
    for artifact in profile(config, "dev")["build"]["artifacts"]:
        for rule in artifact["sync"]["manual"]:
            assert f"ln -s /opt/taskyard/lib/python3.*/site-packages {rule['dest'].rstrip('/')}" in text


def test_pods_of_development_can_be_written_to(helm: Helm) -> None:
    manifests = helm.render(files=[ROOT / "deploy" / "environments" / "dev.yaml"])
    for workload in manifests.services_workloads():
        assert containers(workload)[0]["securityContext"]["readOnlyRootFilesystem"] is False


def test_make_dev_says_what_is_missing(tmp_path: Path) -> None:
    make = shutil.which("make")
    assert make
    # A machine with a shell, but without the required tools.
    for name in ("sh", "make"):
        (tmp_path / name).symlink_to(shutil.which(name) or "")
    done = subprocess.run(
        [make, "dev", f"SHELL={tmp_path / 'sh'}"],
        cwd=ROOT,
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert done.returncode != 0
    for name in ("skaffold", "helm", "kubectl"):
        assert f"{name} is not installed" in done.stderr


def _unknown(value: Any, fields: Any, path: str) -> list[str]:
    """Paths of unknown fields."""
    if fields is None:
        return []
    if isinstance(fields, list):
        return [found for each in value for found in _unknown(each, fields[0], path)]
    found = [f"{path}.{key}" for key in value if key not in fields]
    return found + [
        each for key in value if key in fields for each in _unknown(value[key], fields[key], f"{path}.{key}")
    ]


def _set(values: dict[str, Any], path: str, value: str) -> None:
    *parents, last = path.split(".")
    for key in parents:
        values = values.setdefault(key, {})
    values[last] = value
