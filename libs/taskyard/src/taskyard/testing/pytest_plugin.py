"""Fixtures for pytest, installed with the library.

Name the apps in pytest's configuration::

    [tool.pytest.ini_options]
    taskyard_apps = ["shop.tasks:app"]

==================== ==============================================================================================
`recorded_tasks`     records what the app enqueues during the test; a :class:`~taskyard.testing.RecordedTasks`
`inline_tasks`       runs what the app enqueues during the test at once; the same
`taskyard_server`    a :class:`~taskyard.testing.TestServer` with all apps, one for the session
`taskyard_app`       the app of the first two: the first of `taskyard_apps`
`taskyard_apps`      the apps; override it in a ``conftest.py`` instead of setting the option if you like
==================== ==============================================================================================
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from taskyard import Taskyard
    from taskyard.testing import RecordedTasks, TestServer

INI = "taskyard_apps"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option ``taskyard_apps``."""
    parser.addini(INI, "Taskyard apps under test, as in shop.tasks:app.", type="linelist", default=[])


@pytest.fixture(scope="session")
def taskyard_apps(pytestconfig: pytest.Config) -> Sequence[Taskyard[Any]]:
    """The apps under test."""
    names: list[str] = pytestconfig.getini(INI)
    if not names:
        raise pytest.UsageError(f'set {INI} = ["shop.tasks:app"] in the configuration of pytest')
    return [_load(name) for name in names]


@pytest.fixture(scope="session")
def taskyard_app(taskyard_apps: Sequence[Taskyard[Any]]) -> Taskyard[Any]:
    """The first of the apps under test."""
    return taskyard_apps[0]


@pytest.fixture
def recorded_tasks(taskyard_app: Taskyard[Any]) -> Iterator[RecordedTasks]:
    """What the app enqueues during the test; nothing is sent."""
    from taskyard.testing import recording  # noqa: PLC0415 - loaded by tests that use it only

    with recording(taskyard_app) as tasks:
        yield tasks


@pytest.fixture
def inline_tasks(taskyard_app: Taskyard[Any]) -> Iterator[RecordedTasks]:
    """What the app enqueues during the test, and has run at once."""
    from taskyard.testing import inline  # noqa: PLC0415 - as above

    with inline(taskyard_app) as tasks:
        yield tasks


@pytest.fixture(scope="session")
def taskyard_server(taskyard_apps: Sequence[Taskyard[Any]]) -> Iterator[TestServer]:
    """A real server with all apps."""
    from taskyard.testing import TestServer  # noqa: PLC0415 - as above

    with TestServer(*taskyard_apps) as server:
        yield server


def _load(name: str) -> Taskyard[Any]:
    module, _, attribute = name.partition(":")
    app: Taskyard[Any] = getattr(importlib.import_module(module), attribute or "app")
    return app
