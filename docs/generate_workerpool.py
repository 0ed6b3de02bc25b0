"""Generates the field table in ``docs/operations/workerpool.md`` from the WorkerPool schema: ``make docs``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
TARGET = ROOT / "docs/operations/workerpool.md"
CRD = ROOT / "charts/taskyard/files/crds/workerpools.yaml"
BEGIN, END = "<!-- fields -->\n", "<!-- end of fields -->\n"


_NOUNS = {"object": "", "array": "a list", "string": "a text", "boolean": "true or false"}


def render() -> str:
    """The whole page, with a new field table."""
    before, rest = TARGET.read_text().split(BEGIN)
    _, after = rest.split(END)
    schema = yaml.safe_load(CRD.read_text())["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    head = ["| Field | Values | Default | Meaning |", "|---|---|---|---|"]
    rows = head + list(_rows(schema["properties"]["spec"], ""))
    return f"{before}{BEGIN}" + "\n".join(rows) + f"\n{END}{after}"


def _rows(schema: dict[str, Any], path: str) -> Iterator[str]:
    required = schema.get("required", ())
    for name, inner in schema.get("properties", {}).items():
        own = f"{path}{name}"
        default = _literal(inner["default"]) if inner.get("default", {}) != {} else ""
        shown = f"`{default}`" if default else "required" if name in required else ""
        yield f"| `{own}` | {_takes(inner)} | {shown} | {inner['description'].strip()} |"
        yield from _rows(inner, f"{own}.")
        yield from _rows(inner.get("items", {}), f"{own}[].")


def _takes(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return ", ".join(f"`{each}`" for each in schema["enum"])
    rules = [str(rule["message"]) for rule in schema.get("x-kubernetes-validations", ())]
    if schema["type"] == "string" and rules:
        return "a duration, " + rules[0].removeprefix("must be ")
    if "minimum" in schema and "maximum" in schema:
        return f"{schema['minimum']:,} to {schema['maximum']:,}"
    return _NOUNS[str(schema["type"])]


def _literal(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return "[" + ", ".join(_literal(each) for each in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {_literal(each)}" for name, each in value.items()) + "}"
    return str(value)


if __name__ == "__main__":
    TARGET.write_text(render())
