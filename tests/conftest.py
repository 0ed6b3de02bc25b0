"""Marks and timeouts of all tests: the folder determines the mark, and the mark the timeout."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.support.strict_skips import pytest_addoption, pytest_make_collect_report, pytest_runtest_makereport

__all__ = ["pytest_addoption", "pytest_make_collect_report", "pytest_runtest_makereport"]

_TESTS = Path(__file__).parent
_UNIT_TIMEOUT_S = 30
"""Stops hanging tests, with a margin for a loaded machine."""

# For a collector in the process of the tests, before it is imported: fork handlers of gRPC abort one in 200 of the
# processes that tests start. They run in the child, before its program.
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"

# How long an example takes depends on what else the machine does; the time limits of the tests are for what hangs.
settings.register_profile("taskyard", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("taskyard")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        folder = item.path.relative_to(_TESTS).parts[0]
        item.add_marker(folder)
        if folder == "unit" and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(_UNIT_TIMEOUT_S))
