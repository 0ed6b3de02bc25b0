"""Validation by the CustomResourceDefinition: defaults, pruning, schema and CEL rules, as in an API server."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import cel
import yaml

CRD_PATH = Path(__file__).parents[3] / "charts/taskyard/files/crds/workerpools.yaml"
Schema = dict[str, Any]

_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}
_UNCHECKED = (
    "Invalid value: null: some validation rules were not checked because the object was invalid; "
    "correct the existing errors to complete validation"
)


class Cause(NamedTuple):
    """One fault of an object, as in the details of a real server's response."""

    field: str
    message: str
    reason: str = "FieldValueInvalid"

    def __str__(self) -> str:
        return f"{self.field}: {self.message}"


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


def find_unknown(schema: Schema, value: Any, path: str = "") -> Iterator[str]:
    """Paths of the fields that the schema lacks."""
    if isinstance(value, dict) and "properties" in schema:
        for name, inner in value.items():
            own = f"{path}.{name}".strip(".")
            if name in schema["properties"]:
                yield from find_unknown(schema["properties"][name], inner, own)
            else:
                yield own
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from find_unknown(schema.get("items", {}), each, f"{path}[{number}]")


def find_faults(schema: Schema, value: Any) -> list[Cause]:
    """Validation errors of ``value``."""
    faults = list(_faults(schema, value, ""))
    if any(each.reason != "FieldValueInvalid" for each in faults):
        return [*faults, Cause("<nil>", _UNCHECKED)]
    return [*faults, *_broken_rules(schema, value, "")]


def _faults(schema: Schema, value: Any, path: str) -> Iterator[Cause]:
    kind = schema.get("type", "object")
    if not isinstance(value, _TYPES[kind]) or (isinstance(value, bool) and kind != "boolean"):
        found = _type_of(value)
        message = f'Invalid value: "{found}": {path} in body must be of type {kind}: "{found}"'
        yield Cause(path, message, "FieldValueTypeInvalid")
        return
    if "enum" in schema and value not in schema["enum"]:
        supported = ", ".join(f'"{each}"' for each in schema["enum"])
        message = f"Unsupported value: {json.dumps(value)}: supported values: {supported}"
        yield Cause(path, message, "FieldValueNotSupported")
    for shown, text in _broken_limits(schema, value):
        yield Cause(path, f"Invalid value: {json.dumps(shown)}: {path} in body {text}")
    if isinstance(value, dict):
        for name in schema.get("required", ()):
            if name not in value:
                yield Cause(f"{path}.{name}".strip("."), "Required value", "FieldValueRequired")
    for inner, each, own in _children(schema, value, path):
        yield from _faults(inner, each, own)


def _broken_limits(schema: Schema, value: Any) -> Iterator[tuple[Any, str]]:
    """The shown value and the limit, for each limit that ``value`` exceeds."""
    if "minimum" in schema and value < schema["minimum"]:
        yield value, f"should be greater than or equal to {schema['minimum']}"
    if "maximum" in schema and value > schema["maximum"]:
        yield value, f"should be less than or equal to {schema['maximum']}"
    if "minItems" in schema and len(value) < schema["minItems"]:
        yield len(value), f"should have at least {schema['minItems']} items"
    if "maxItems" in schema and len(value) > schema["maxItems"]:
        yield len(value), f"should have at most {schema['maxItems']} items"
    if "minLength" in schema and len(value) < schema["minLength"]:
        yield value, f"should be at least {schema['minLength']} chars long"
    if "maxLength" in schema and len(value) > schema["maxLength"]:
        yield value, f"should be at most {schema['maxLength']} chars long"
    if "pattern" in schema and not re.search(schema["pattern"], value):
        yield value, f"should match '{schema['pattern']}'"
    if schema.get("format") == "date-time" and not _is_time(value):
        yield value, f'must be of type date-time: "{value}"'


def _broken_rules(schema: Schema, value: Any, path: str) -> Iterator[Cause]:
    for rule in schema.get("x-kubernetes-validations", []):
        field = f"{path}{rule.get('fieldPath', '')}".strip(".")
        try:
            holds = cel.evaluate(rule["rule"], {"self": value}) is True
        except RuntimeError:  # The text is no duration.
            conversion = "type conversion error from 'string' to 'google.protobuf.Duration'"
            yield Cause(field, f'Invalid value: "string": {conversion} evaluating rule: {rule["message"]}')
            continue
        if not holds:
            yield Cause(field, f"Invalid value: {rule['message']}")
    for inner, each, own in _children(schema, value, path):
        yield from _broken_rules(inner, each, own)


def _children(schema: Schema, value: Any, path: str) -> Iterator[tuple[Schema, Any, str]]:
    if isinstance(value, dict):
        for name, inner in schema.get("properties", {}).items():
            if name in value:
                yield inner, value[name], f"{path}.{name}".strip(".")
    if isinstance(value, list):
        for number, each in enumerate(value):
            yield schema["items"], each, f"{path}[{number}]"


def _type_of(value: Any) -> str:
    if value is None:
        return "null"
    return next(name for name in ("boolean", *_TYPES) if isinstance(value, _TYPES[name]))


def _is_time(value: str) -> bool:
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False
