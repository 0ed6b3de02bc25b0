"""Kubernetes manifests, with queries for tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml

Manifest = dict[str, Any]

_WORKLOADS = ("Deployment", "StatefulSet", "Job", "Pod")


class Manifests(list[Manifest]):
    """The objects of a release."""

    @classmethod
    def read(cls, text: str) -> Manifests:
        """Parse a stream of YAML documents."""
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        return cls(each for each in yaml.load_all(text, Loader=loader) if each)

    def of_kind(self, *kinds: str) -> list[Manifest]:
        """The objects of some kinds."""
        return [each for each in self if each["kind"] in kinds]

    def get(self, kind: str, name: str) -> Manifest:
        """The object of a kind and a name."""
        (found,) = (each for each in self.of_kind(kind) if each["metadata"]["name"] == name)
        return found

    def workloads(self) -> list[Manifest]:
        """All workloads."""
        return self.of_kind(*_WORKLOADS)

    def services_workloads(self) -> list[Manifest]:
        """The Deployments of Taskyard's services."""
        return self.of_kind("Deployment")


def key_of(manifest: Manifest) -> tuple[str, str]:
    """Identity of an object within its namespace."""
    return manifest["kind"], manifest["metadata"]["name"]


def component_of(manifest: Manifest) -> str:
    """The component that an object belongs to."""
    return str(manifest["metadata"]["labels"]["app.kubernetes.io/component"])


def pod_template(workload: Manifest) -> Manifest:
    """The pod, or the template of pods, of a workload."""
    return workload if workload["kind"] == "Pod" else workload["spec"]["template"]


def containers(workload: Manifest) -> list[Manifest]:
    """All containers of a workload's pods, including init containers."""
    spec = pod_template(workload)["spec"]
    return [*spec.get("initContainers", []), *spec["containers"]]


def environment(workload: Manifest) -> dict[str, str]:
    """Environment variables with plain values of a workload's only container."""
    (container,) = containers(workload)
    return {each["name"]: each["value"] for each in container["env"] if "value" in each}


def matches(selector: Manifest, labels: Manifest) -> bool:
    """Whether a label selector matches labels."""
    wanted = selector.get("matchLabels", {}).items() <= labels.items()
    return wanted and all(_holds(each, labels) for each in selector.get("matchExpressions", []))


def walk(value: Any) -> Iterator[Any]:
    """A value and all nested values."""
    yield value
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for each in children:
        yield from walk(each)


def _holds(expression: Manifest, labels: Manifest) -> bool:
    assert expression["operator"] == "In", "teach this function the operator"
    return labels.get(expression["key"]) in expression["values"]
