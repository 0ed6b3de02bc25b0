from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import cel
import pytest
import yaml
from docs import generate_workerpool

from queuecontroller.plan.spec import read_spec
from tests.support.kubernetes.pool_schema import Schema, fill_defaults, find_faults, load_crd, pool_schema

SPEC: dict[str, Any] = {
    "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "taskyard-worker"},
    "queues": ["critical", "default"],
    "minReplicas": 0,
    "maxReplicas": 50,
    "slotsPerReplica": 100,
    "target": {"drain": "30s", "tasksPerReplica": 200},
    "lookAhead": "60s",
    "behavior": {"scaleUp": {}, "scaleDown": {"stabilizationWindow": "5m"}},
    "idleAfter": "5m",
    "paused": False,
    "metrics": {"endpoint": "http://taskyard-api:8080/metrics"},
}
PROMETHEUS = {"prometheus": {"url": "http://prometheus:9090"}, "workersEndpoint": "http://api:8080/api/v1/workers"}


def faults(**changes: Any) -> list[str]:
    schema = pool_schema()
    pool = {"apiVersion": "taskyard.dev/v1alpha1", "kind": "WorkerPool", "spec": {**SPEC, **changes}}
    return [str(each) for each in find_faults(schema, fill_defaults(schema, pool))]


def fields(schema: Schema, path: str = "") -> Iterator[tuple[str, Schema]]:
    yield path, schema
    for name, inner in schema.get("properties", {}).items():
        yield from fields(inner, f"{path}.{name}")
    if "items" in schema:
        yield from fields(schema["items"], f"{path}[]")


ALL_FIELDS = dict(fields(pool_schema()))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"target": {"drain": "1h30m"}},
        {"target": {"tasksPerReplica": 1}},
        {"metrics": PROMETHEUS},
        {"minReplicas": 50},
        {"lookAhead": "0s", "idleAfter": "0s", "tolerance": 0},
        {"behavior": {"scaleUp": {"policies": []}}},
        {"metrics": {}},
        {"metrics": {"timeout": "2s"}},
    ],
)
def test_pool_is_accepted_when_it_is_valid(changes: dict[str, Any]) -> None:
    assert faults(**changes) == []


def test_smallest_pool_is_accepted() -> None:
    schema = pool_schema()
    spec = {name: SPEC[name] for name in ("scaleTargetRef", "queues", "maxReplicas")}
    filled = fill_defaults(schema, {"apiVersion": "taskyard.dev/v1alpha1", "kind": "WorkerPool", "spec": spec})

    assert find_faults(schema, filled) == []
    assert filled["spec"]["target"]["drain"] == "30s"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"minReplicas": 51}, "minReplicas must not be more than maxReplicas"),
        ({"minReplicas": -1}, "minReplicas in body should be greater than or equal to 0"),
        ({"maxReplicas": 0}, "maxReplicas in body should be greater than or equal to 1"),
        ({"slotsPerReplica": 0}, "should be greater than or equal to 1"),
        ({"queues": []}, "should have at least 1 items"),
        ({"queues": ["bad queue"]}, "should match"),
        ({"target": {}}, "one of drain and tasksPerReplica must be set"),
        ({"target": {"drain": "soon"}}, "should match"),
        ({"target": {"drain": "500ms"}}, "must be from 1s to 24h"),
        ({"target": {"drain": "30s", "utilization": 0}}, "should be greater than or equal to 1"),
        ({"lookAhead": "6m"}, "must be from 0s to 5m"),
        ({"tolerance": 1.5}, "should be less than or equal to 1"),
        ({"metrics": {**PROMETHEUS, "endpoint": "http://a/metrics"}}, "only one of endpoint and prometheus may be set"),
        (
            {"metrics": {"prometheus": {"url": "http://a"}}},
            "spec.metrics.workersEndpoint: Invalid value: must be set with prometheus",
        ),
        ({"metrics": {"endpoint": "ftp://a/metrics"}}, "should match"),
        ({"metrics": {"endpoint": "http://user:word@a/metrics"}}, "should match"),
        ({"metrics": {"endpoint": "http://a/metrics", "timeout": "2h"}}, "must be from 100ms to 1m"),
        ({"scaleTargetRef": {"kind": "StatefulSet", "name": "x"}}, "Unsupported value"),
        ({"behavior": {"scaleDown": {"stabilizationWindow": "2h"}}}, "must be from 0s to 1h"),
        ({"behavior": {"scaleUp": {"policies": [{"type": "Pods", "value": 1}]}}}, "policies[0].period: Required value"),
        (
            {"behavior": {"scaleUp": {"policies": [{"type": "Pods", "value": 1, "period": "1h"}]}}},
            "must be from 1s to 30m",
        ),
    ],
)
def test_pool_is_rejected_when_it_is_invalid(changes: dict[str, Any], message: str) -> None:
    assert message in "; ".join(faults(**changes))


def test_metadata_is_left_to_kubernetes() -> None:
    # An API server rejects a definition with anything more, even a description.
    assert ALL_FIELDS[".metadata"] == {"type": "object"}


@pytest.mark.parametrize("path", [path for path in ALL_FIELDS if path not in ("", ".metadata")])
def test_field_is_described(path: str) -> None:
    description = ALL_FIELDS[path]["description"]

    assert description.rstrip().endswith(".")


@pytest.mark.parametrize("path", [path for path, schema in ALL_FIELDS.items() if "default" in schema])
def test_default_matches_the_schema_of_its_field(path: str) -> None:
    schema = ALL_FIELDS[path]

    assert find_faults(schema, fill_defaults(schema, schema["default"])) == []


@pytest.mark.parametrize("path", [path for path, schema in ALL_FIELDS.items() if "x-kubernetes-validations" in schema])
def test_rules_compile_and_have_a_message(path: str) -> None:
    for rule in ALL_FIELDS[path]["x-kubernetes-validations"]:
        cel.compile(rule["rule"])
        assert rule["message"]


@pytest.mark.parametrize("path", ALL_FIELDS)
def test_schema_is_structural(path: str) -> None:
    schema = ALL_FIELDS[path]

    assert schema["type"] in {"object", "array", "string", "integer", "number", "boolean"}
    assert "additionalProperties" not in schema
    assert ("maxItems" in schema) == (schema["type"] == "array")
    assert set(schema.get("required", ())) <= set(schema.get("properties", ()))
    # Kubernetes estimates the cost of a rule from the longest text that it may evaluate.
    assert "maxLength" in schema or schema["type"] != "string" or "x-kubernetes-validations" not in schema


@pytest.mark.parametrize("example", re.findall(r"```yaml\n(.*?)```", generate_workerpool.TARGET.read_text(), re.DOTALL))
def test_example_of_the_documentation_is_valid(example: str) -> None:
    schema = pool_schema()

    filled = fill_defaults(schema, yaml.safe_load(example))

    assert find_faults(schema, filled) == []
    assert read_spec(filled["spec"], SPEC["metrics"]["endpoint"]).queues


def test_documentation_has_all_fields() -> None:
    assert generate_workerpool.TARGET.read_text() == generate_workerpool.render(), "run `make docs`"


def test_columns_read_existing_fields() -> None:
    version = load_crd()["spec"]["versions"][0]
    names = {column["name"] for column in version["additionalPrinterColumns"]}

    assert {"Queues", "Pending", "Current", "Desired", "Ready", "Age"} <= names
    for column in version["additionalPrinterColumns"]:
        path = column["jsonPath"]
        assert path in ALL_FIELDS or path.startswith((".metadata.", ".status.conditions[?("))
    assert version["subresources"] == {"status": {}}
    assert load_crd()["spec"]["names"]["shortNames"] == ["wp"]
