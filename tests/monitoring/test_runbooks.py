from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest

from tests.monitoring.files import RUNBOOKS, Rule, find_metrics, read_alerts
from tests.monitoring.live_system import LiveSystem
from tests.monitoring.prometheus_server import PrometheusServer
from tests.monitoring.waiting import wait_until

PAGES = sorted(path for path in RUNBOOKS.glob("*.md") if path.stem != "README")
SECTIONS = ["Symptom", "Meaning", "Urgency", "Diagnosis", "Action", "False alarms"]
each_alert = pytest.mark.parametrize("alert", read_alerts(), ids=lambda alert: alert.name)
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)


@each_alert
def test_alert_has_a_runbook_with_every_answer(alert: Rule) -> None:
    page = RUNBOOKS / f"{alert.name}.md"
    assert page.exists()
    text = page.read_text("utf-8")
    assert text.startswith(f"# {alert.name}\n")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == SECTIONS
    assert re.search(r"^## Diagnosis\n(?s:.*)^```", text, re.MULTILINE)


def test_runbooks_are_of_alerts_that_exist() -> None:
    assert [page.stem for page in PAGES] == sorted(alert.name for alert in read_alerts())


def test_list_of_runbooks_is_whole() -> None:
    text = (RUNBOOKS / "README.md").read_text("utf-8")
    rows = re.findall(r"^\| \[(\w+)\]\((\w+)\.md\) \| (\w+) \| (\w+) \|", text, re.MULTILINE)
    expected = [(each.name, each.name, each.source["labels"]["severity"], each.source["for"]) for each in read_alerts()]
    assert sorted(rows) == sorted(expected)


@each_page
def test_expressions_of_a_runbook_work(prometheus: PrometheusServer, page: Path) -> None:
    expressions = re.findall(r"^```promql\n(.+?)^```", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert expressions
    for expression in expressions:
        prometheus.query(expression)

    def find_missing() -> list[str]:
        return [each for text in expressions for each in find_metrics(text) if not prometheus.query(each)]

    wait_until(lambda: not find_missing(), find_missing)


@pytest.fixture(scope="module")
def calls(live: LiveSystem) -> set[tuple[str, str]]:
    """Routes of the API: method and path."""
    document = httpx.get(f"{live.apis[0].url}/schema/openapi.json", trust_env=False).json()
    return {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}


@each_page
def test_api_has_what_a_runbook_calls(calls: set[tuple[str, str]], page: Path) -> None:
    for arguments, path in re.findall(r"curl ([^\n`]*?)'?http://localhost:8080(/[^\s'`?]*)", page.read_text("utf-8")):
        found = re.search(r"-X ([A-Z]+)", arguments)
        template = path.replace("/queues/mail/", "/queues/{queue}/").replace("/tasks/ID", "/tasks/{task_id}")
        assert (found[1] if found else "GET", template) in calls
