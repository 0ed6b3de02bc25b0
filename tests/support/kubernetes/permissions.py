"""RBAC of the stand-in: the controller's declared Role."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import yaml

from tests.support.kubernetes.kinds import Kind

RULES_PATH = Path(__file__).parents[3] / "charts/taskyard/files/rbac/controller.yaml"


class Permission(NamedTuple):
    group: str
    resource: str
    """Plural, with the subresource behind a slash."""
    verb: str


def load_rules(*, clusterwide: bool, role: str = "") -> list[dict[str, Any]]:
    """The rules that the chart gives to a Role, or clusterwide to a ClusterRole.

    Args:
        clusterwide: replaces namespaced kinds as the chart does.
        role: the name of the role.
    """
    text = RULES_PATH.read_text().replace("THIS_ROLE", role)
    if clusterwide:
        text = text.replace("kopfpeerings", "clusterkopfpeerings").replace("[roles]", "[clusterroles]")
    rules: list[dict[str, Any]] = yaml.safe_load(text)
    return rules


def declared_permissions(*, clusterwide: bool) -> set[Permission]:
    """Permissions of the role, for objects of any name."""
    return {
        Permission(group, resource, verb)
        for rule in load_rules(clusterwide=clusterwide)
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def needed_permission(method: str, kind: Kind, *, name: str, part: str, watch: bool) -> Permission:
    if method == "GET":
        verb = "get" if name else "watch" if watch else "list"
    else:
        verb = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}[method]
    return Permission(kind.group, f"{kind.plural}/{part}" if part else kind.plural, verb)
