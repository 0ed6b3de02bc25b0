from __future__ import annotations

import math
import re
from pathlib import Path

import pytest

from tests.monitoring.files import DASHBOARDS, Rule, find_selectors, read_dashboard, read_panels, read_rules, substitute
from tests.monitoring.live_system import PARKED, SLOTS
from tests.monitoring.prometheus_server import PrometheusServer
from tests.monitoring.waiting import wait_until


def _gives(prometheus: PrometheusServer, expression: str) -> bool:
    samples = prometheus.query(expression)
    return any(not math.isnan(each.value) for each in samples)


def _without_data(prometheus: PrometheusServer, expressions: dict[str, str]) -> dict[str, str]:
    return {name: each for name, each in expressions.items() if not _gives(prometheus, each)}


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_every_query_of_every_panel_gives_data(prometheus: PrometheusServer, path: Path) -> None:
    queries = {
        f"{panel.title}, {number}": substitute(expression)
        for panel in read_panels(path)
        for number, expression in enumerate(panel.expressions)
    }
    wait_until(lambda: not _without_data(prometheus, queries), lambda: _without_data(prometheus, queries))


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_every_variable_has_values(prometheus: PrometheusServer, path: Path) -> None:
    queries = [each["query"]["query"] for each in read_dashboard(path)["templating"]["list"] if each["type"] == "query"]
    for query in queries:
        asked = re.fullmatch(r"label_values\((.+), (\w+)\)", query)
        assert asked
        samples = prometheus.query(f"count by ({asked[2]}) ({substitute(asked[1])})")
        assert [each for each in samples if each.labels.get(asked[2])], query


@pytest.mark.parametrize("rule", read_rules(), ids=lambda rule: rule.name)
def test_every_rule_reads_series_that_are_there(prometheus: PrometheusServer, rule: Rule) -> None:
    prometheus.query(rule.expression)
    selectors = {each: each for each in find_selectors(rule.expression)}
    assert selectors
    wait_until(lambda: not _without_data(prometheus, selectors), lambda: _without_data(prometheus, selectors))


@pytest.mark.parametrize("rule", [each for each in read_rules() if not each.is_alert], ids=lambda rule: rule.name)
def test_every_recorded_series_gives_data(prometheus: PrometheusServer, rule: Rule) -> None:
    wait_until(lambda: _gives(prometheus, rule.expression) and _gives(prometheus, rule.name), lambda: rule.expression)


def test_rules_are_evaluated_without_errors(prometheus: PrometheusServer) -> None:
    wait_until(lambda: {each["health"] for each in prometheus.rules()} == {"ok"}, prometheus.rules)
    assert len(prometheus.rules()) == len(read_rules())


def _figure(prometheus: PrometheusServer, dashboard: str, title: str) -> float:
    (path,) = (each for each in DASHBOARDS if each.stem == dashboard)
    (panel,) = (each for each in read_panels(path) if each.title == title and each.source["type"] == "stat")
    expression = substitute(panel.expressions[0])
    wait_until(lambda: _gives(prometheus, expression), lambda: expression)
    (sample,) = prometheus.query(expression)
    return sample.value


def test_replicas_of_the_api_are_not_counted_twice(prometheus: PrometheusServer) -> None:
    # Two rounds of ten tasks, and three tasks of the limited queue, which accepts no more.
    assert _figure(prometheus, "overview", "Pending") == 2 * 10 + 3
    (waiting,) = prometheus.query(f'sum(taskyard_queue_tasks{{queue="{PARKED}", state="pending"}})')
    assert waiting.value == 2 * 20
    assert _figure(prometheus, "queue", "Workers") == 2
    assert _figure(prometheus, "workers", "Slots") == SLOTS


def test_store_is_ready_when_one_replica_is_cut_off(prometheus: PrometheusServer) -> None:
    assert _figure(prometheus, "overview", "Store") == 1
    (worst,) = prometheus.query("min(taskyard_store_ready)")
    assert worst.value == 0


def test_numbers_are_plausible(prometheus: PrometheusServer) -> None:
    assert 0 < _figure(prometheus, "store", "Memory") < 0.2
    assert 0 < _figure(prometheus, "overview", "API errors") < 0.2
    assert 0 < _figure(prometheus, "scheduler", "Lateness, p99") < 5
    assert _figure(prometheus, "scheduler", "Overdue") == 0
    assert _figure(prometheus, "scheduler", "Scheduled") == 2
    assert _figure(prometheus, "workerpools", "Pods") == 2
    assert _figure(prometheus, "workerpools", "At maximum") == 1
