"""Rules and dashboards of the chart, read from their files."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

import yaml

ROOT = Path(__file__).parents[2]
FILES = ROOT / "charts" / "taskyard" / "files"
DASHBOARDS = sorted((FILES / "dashboards").glob("*.json"))
RULES = sorted((FILES / "rules").glob("*.yaml"))
RULE_TESTS = sorted((Path(__file__).parent / "rules").glob("*.yaml"))
RUNBOOKS = ROOT / "docs" / "operations" / "runbooks"

_METRIC = re.compile(r"\btaskyard[_:][a-z0-9_:]+")
_SELECTOR = re.compile(_METRIC.pattern + r"(?:\{[^}]*\})?")


class Rule(NamedTuple):
    """An alerting or recording rule."""

    name: str
    expression: str
    source: dict[str, Any]

    @property
    def is_alert(self) -> bool:
        return "alert" in self.source

    @property
    def annotations(self) -> dict[str, str]:
        found: dict[str, str] = self.source["annotations"]
        return found


class Panel(NamedTuple):
    """A panel of a dashboard, without rows."""

    dashboard: str
    title: str
    expressions: list[str]
    source: dict[str, Any]


def read_dashboard(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found


def read_panels(path: Path) -> list[Panel]:
    return [
        Panel(path.stem, each["title"], [target["expr"] for target in each["targets"]], each)
        for each in read_dashboard(path)["panels"]
        if each["type"] != "row"
    ]


def read_rules() -> list[Rule]:
    groups = [group for path in RULES for group in yaml.safe_load(path.read_text("utf-8"))["groups"]]
    return [
        Rule(each.get("alert") or each["record"], each["expr"], each) for group in groups for each in group["rules"]
    ]


def read_alerts() -> list[Rule]:
    return [rule for rule in read_rules() if rule.is_alert]


def find_metrics(expression: str) -> set[str]:
    """The names of Taskyard's series in an expression."""
    return set(_METRIC.findall(expression))


def find_selectors(expression: str) -> set[str]:
    """The selectors of Taskyard's series in an expression, without ranges and offsets."""
    return set(_SELECTOR.findall(expression))


def substitute(expression: str) -> str:
    """An expression of a dashboard as sent by Grafana, with all values of all variables selected."""
    return re.sub(r"\$(?!__)\w+", ".*", expression.replace("$__rate_interval", "2m"))
