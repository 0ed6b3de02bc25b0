"""Validation by the CustomResourceDefinition: defaults, pruning, schema and CEL rules, as in an API server."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cel
import jsonschema_rs
import yaml

CRD_PATH = Path(__file__).parents[3] / "charts/taskyard/files/crds/workerpools.yaml"
Schema = dict[str, Any]


def load_crd() -> dict[str, Any]:
    crd: dict[str, Any] = yaml.safe_load(CRD_PATH.read_text())
    return crd


def pool_schema() -> Schema:
    schema: Schema = load_crd()["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return schema


def fill_defaults(schema: Schema, value: Any) -> Any:
    """``value`` with defaults for missing fields and without unknown fields."""
    if schema.get("type") == "object" and isinstance(value, dict) and "properties" in schema:
        filled = {}
        for name, inner in schema["properties"].items():
            if name in value:
                filled[name] = fill_defaults(inner, value[name])
            elif "default" in inner:
                filled[name] = fill_defaults(inner, copy.deepcopy(inner["default"]))
        return filled
    if schema.get("type") == "array" and isinstance(value, list):
        return [fill_defaults(schema["items"], each) for each in value]
    return value


def find_faults(schema: Schema, value: Any) -> list[str]:
    """Validation errors of ``value``."""
    plain = jsonschema_rs.Draft4Validator(schema, validate_formats=True)
    faults = [f"{'.'.join(map(str, each.instance_path))}: {each.message}" for each in plain.iter_errors(value)]
    return faults or [*_broken_rules(schema, value, "")]


def _broken_rules(schema: Schema, value: Any, path: str) -> Iterator[str]:
    for rule in schema.get("x-kubernetes-validations", []):
        if cel.evaluate(rule["rule"], {"self": value}) is not True:
            yield f"{path}{rule.get('fieldPath', '')}".strip(".") + f": {rule['message']}"
    if isinstance(value, dict):
        for name, inner in schema.get("properties", {}).items():
            if name in value:
                yield from _broken_rules(inner, value[name], f"{path}.{name}".strip("."))
    if isinstance(value, list):
        for number, each in enumerate(value):
            yield from _broken_rules(schema["items"], each, f"{path}[{number}]")
