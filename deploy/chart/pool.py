"""Schema of the part of a WorkerPool's spec that users of the chart set, from the CustomResourceDefinition."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

SET_BY_CHART = ("scaleTargetRef", "queues", "slotsPerReplica")
_KEPT = (
    "type",
    "enum",
    "pattern",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "description",
)


def pool_schema(definition: Path) -> dict[str, Any]:
    """The JSON Schema of ``autoscaling.pool``, without required fields, because the chart and the defaults add them."""
    crd = yaml.safe_load(definition.read_text(encoding="utf-8"))
    (version,) = crd["spec"]["versions"]
    spec = _closed(version["schema"]["openAPIV3Schema"]["properties"]["spec"])
    for key in SET_BY_CHART:
        del spec["properties"][key]
    return {key: value for key, value in spec.items() if key not in ("required", "description")}


def _closed(schema: dict[str, Any]) -> dict[str, Any]:
    """Convert a structural schema of Kubernetes into a plain one that rejects unknown keys."""
    found = {key: schema[key] for key in _KEPT if key in schema}
    if "properties" in schema:
        found["additionalProperties"] = False
        found["properties"] = {key: _closed(each) for key, each in schema["properties"].items()}
        found |= {key: schema[key] for key in ("required",) if key in schema}
    if "items" in schema:
        found["items"] = _closed(schema["items"])
    return found
