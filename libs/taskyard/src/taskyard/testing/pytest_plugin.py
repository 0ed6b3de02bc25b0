"""Fixtures for pytest, installed with the library.

Name the apps in pytest's configuration::

    [tool.pytest.ini_options]
    taskyard_apps = ["shop.tasks:app"]

==================== ==============================================================================================
`taskyard_app`       the app, or the first of several
`recorded_tasks`     records what the app enqueues during the test; a :class:`~taskyard.testing.RecordedTasks`
`inline_tasks`       runs what the app enqueues during the test at once; the same
`taskyard_server`    a :class:`~taskyard.testing.TestServer` with all apps, one for the session
==================== ==============================================================================================
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
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
def taskyard_app(pytestconfig: pytest.Config) -> Taskyard[Any]:
    """The app under test; override it instead of setting ``taskyard_apps`` if you like."""
    return _load(_names(pytestconfig)[0])


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
def taskyard_server(pytestconfig: pytest.Config) -> Iterator[TestServer]:
    """A real server with all apps."""
    from taskyard.testing.server import serve  # noqa: PLC0415 - as above

    yield from serve(*map(_load, _names(pytestconfig)))


def _names(config: pytest.Config) -> list[str]:
    names: list[str] = config.getini(INI)
    if not names:
        raise pytest.UsageError(f'set {INI} = ["shop.tasks:app"] in the configuration of pytest')
    return names


def _load(name: str) -> Taskyard[Any]:
    module, _, attribute = name.partition(":")
    app: Taskyard[Any] = getattr(importlib.import_module(module), attribute or "app")
    return app
