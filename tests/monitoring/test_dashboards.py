from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from deploy.dashboards.__main__ import find_stale
from deploy.dashboards.panel import RUNBOOKS as RUNBOOK_URL
from queuecore.observe.metrics import definitions as metrics
from tests.monitoring.files import (
    DASHBOARDS,
    RUNBOOKS,
    find_metrics,
    read_alerts,
    read_dashboard,
    read_panels,
    read_rules,
)

EVERY_PANEL = [panel for path in DASHBOARDS for panel in read_panels(path)]
each_dashboard = pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)


def test_files_are_what_the_code_makes() -> None:
    assert find_stale() == [], "run `make dashboards`"


@each_dashboard
def test_grafana_knows_every_key(path: Path) -> None:
    register_default_plugins()
    dashboard = read_dashboard(path)

    again = json.loads(JSONEncoder().encode(Dashboard.from_json(dashboard)))

    assert set(_keys(dashboard)) - set(_keys(again)) == set()


@each_dashboard
def test_dashboard_can_be_found_and_leads_to_the_others(path: Path) -> None:
    dashboard = read_dashboard(path)
    assert dashboard["uid"] == f"taskyard-{path.stem}"
    assert dashboard["title"].startswith("Taskyard / ")
    assert dashboard["description"]
    (link,) = dashboard["links"]
    assert (link["type"], link["tags"]) == ("dashboards", dashboard["tags"])
    variables = [each["name"] for each in dashboard["templating"]["list"]]
    assert variables[:2] == ["datasource", "namespace"]
    ids = [each["id"] for each in dashboard["panels"]]
    assert sorted(set(ids)) == ids
    titles = [each.title for each in read_panels(path)]
    assert [each for each in titles if not each] == []


@each_dashboard
def test_panels_do_not_overlap(path: Path) -> None:
    cells = [
        (x, y)
        for panel in read_dashboard(path)["panels"]
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < 24


@each_dashboard
def test_panels_say_what_they_show(path: Path) -> None:
    for panel in read_panels(path):
        assert panel.source["description"].endswith("."), panel.title
        assert panel.source["fieldConfig"]["defaults"]["unit"], panel.title
        assert panel.source["datasource"]["uid"] == "${datasource}", panel.title
        assert panel.expressions, panel.title


@each_dashboard
def test_panels_ask_only_the_chosen_namespaces(path: Path) -> None:
    for panel in read_panels(path):
        for expression in panel.expressions:
            selectors = re.findall(r"\b(?:taskyard_|process_|python_|ALERTS)[a-z_]*(\{[^}]*\})?", expression)
            assert selectors, expression
            assert [each for each in selectors if 'namespace=~"$namespace"' not in each] == [], expression


@each_dashboard
def test_panels_lead_to_runbooks_that_exist(path: Path) -> None:
    urls = {link["url"] for panel in read_panels(path) for link in panel.source.get("links", [])}
    assert urls
    assert {url.rpartition("/")[0] for url in urls} == {RUNBOOK_URL}
    assert [url for url in urls if not (RUNBOOKS / url.rpartition("/")[2]).exists()] == []


def test_every_series_that_is_read_is_defined() -> None:
    defined = {name for each in (*metrics.STORED, *metrics.OF_PROCESS) for name in _series(each)}
    recorded = {rule.name for rule in read_rules() if not rule.is_alert}
    expressions = [expression for panel in EVERY_PANEL for expression in panel.expressions]
    expressions += [rule.expression for rule in read_rules()]
    assert set().union(*map(find_metrics, expressions)) - recorded - defined == set()


def test_every_series_is_shown_or_watched() -> None:
    read = set().union(*(find_metrics(expression) for panel in EVERY_PANEL for expression in panel.expressions))
    read |= set().union(*(find_metrics(rule.expression) for rule in read_alerts()))
    unread = {each.name for each in (*metrics.STORED, *metrics.OF_PROCESS) if not read & set(_series(each))}
    assert unread == set()


def _series(definition: metrics.Definition) -> list[str]:
    if isinstance(definition, metrics.HistogramDefinition):
        return [f"{definition.name}_{ending}" for ending in ("bucket", "sum", "count")]
    return [definition.name]


def _keys(value: Any, path: str = "") -> Iterator[str]:
    """Paths of all non-empty values, such as panels.0.title."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        here = f"{path}.{key}"
        if inner not in (None, "", [], {}, False):
            yield here
        yield from _keys(inner, here)
