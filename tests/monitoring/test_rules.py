from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.monitoring.files import RULE_TESTS, RULES, Rule, read_alerts
from tests.monitoring.promtool import promtool

each_alert = pytest.mark.parametrize("alert", read_alerts(), ids=lambda alert: alert.name)


@pytest.mark.parametrize("path", RULES, ids=lambda path: path.stem)
def test_promtool_finds_no_fault_in_the_rules(path: Path) -> None:
    assert promtool("check", "rules", str(path)) == ""


@pytest.mark.parametrize("path", RULE_TESTS, ids=lambda path: path.stem)
def test_alert_fires_and_stays_quiet_as_it_should(path: Path) -> None:
    assert promtool("test", "rules", str(path)) == ""


@each_alert
def test_alert_is_tested_both_ways(alert: Rule) -> None:
    (path,) = (each for each in RULE_TESTS if each.stem == alert.name)
    cases = [case for test in yaml.safe_load(path.read_text("utf-8"))["tests"] for case in test["alert_rule_test"]]
    assert {case["alertname"] for case in cases} == {alert.name}
    assert {bool(case["exp_alerts"]) for case in cases} == {True, False}


@each_alert
def test_alert_says_what_a_person_needs(alert: Rule) -> None:
    assert set(alert.annotations) == {"summary", "description", "runbook_url"}
    assert alert.source["labels"]["severity"] in {"critical", "warning", "info"}
    assert alert.source["for"]
    assert alert.annotations["runbook_url"].endswith(f"/{alert.name}.md")


def test_alerts_have_names_of_their_own() -> None:
    names = [alert.name for alert in read_alerts()]
    assert sorted(set(names)) == sorted(names)
    assert sorted(path.stem for path in RULE_TESTS) == sorted(names)
