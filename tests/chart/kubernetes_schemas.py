"""The schemas of Kubernetes' own kinds, in which unknown fields are errors.

They come from the package kubernetes_validate, whose own validation reads two megabytes for each object.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

import jsonschema_rs

_DEFINITIONS = "_definitions.json"


class KindUnknown(Exception):
    """This version of Kubernetes has no such kind."""


def validate(manifest: dict[str, Any], version: str) -> None:
    """Check an object.

    Args:
        manifest: the object.
        version: of Kubernetes, as 1.34.

    Raises:
        KindUnknown: it has no such kind.
        jsonschema_rs.ValidationError: the object is not what it takes.
    """
    group, _, short = manifest["apiVersion"].rpartition("/")
    name = "-".join(filter(None, (manifest["kind"].lower(), group.partition(".")[0], short)))
    _validator(version, name).validate(manifest)


@cache
def _validator(version: str, name: str) -> jsonschema_rs.Validator:
    try:
        schema = _read(version, f"{name}.json")
    except FileNotFoundError:
        raise KindUnknown(f"Kubernetes {version} has no {name}") from None
    return jsonschema_rs.validator_for(schema, registry=_registry(version))


@cache
def _registry(version: str) -> jsonschema_rs.Registry:
    definitions = _read(version, _DEFINITIONS)
    return jsonschema_rs.Registry([(definitions["$id"], definitions)])


def _read(version: str, name: str) -> Any:
    path = files("kubernetes_validate") / "kubernetes-json-schema" / f"v{version}.0-local-strict" / name
    return json.loads(path.read_text(encoding="utf-8"))
