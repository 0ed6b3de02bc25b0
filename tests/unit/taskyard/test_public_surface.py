from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points, requires

import pytest
from packaging.requirements import Requirement

import taskyard
import taskyard.testing

SURFACE = """
AsyncBatch AsyncClient AttemptInfo Backoff Batch Client ClientError ConfigError Context DoNotRetry DuplicateTask
Duration EnqueueOptions Exponential Fixed Handle HandlerError InvalidField InvalidPayload Logger NotAvailable
NotConnected PayloadRefused QueueFull QueueStats Refused Request ResultError ResultNotKept ResultTimeout Retry
ServerTooOld StateUnavailable SyncHandle Task TaskFailed TaskInfo TaskOptions Taskyard TaskyardError Unauthorized
UnknownTask UnknownTaskType WrongState
"""
TESTING = "LogLine Outcome RecordedTask RecordedTasks ServerNotStarted TestServer inline recording run run_async"
MOST_DIRECT_DEPENDENCIES = 6
IMPORTED = "import sys, {}; print(*sys.modules)"
ALLOWED = {"taskyard", "queuecore", "msgspec", "typing_extensions"}


@pytest.mark.parametrize(("module", "names"), [(taskyard, SURFACE), (taskyard.testing, TESTING)])
def test_public_surface_is_pinned(module: object, names: str) -> None:
    exported: list[str] = module.__all__  # type: ignore[attr-defined]
    assert sorted(exported) == sorted(names.split())
    assert all(hasattr(module, name) for name in exported)


def test_base_install_has_few_direct_dependencies() -> None:
    declared = map(Requirement, requires("taskyard") or ())
    base = [each.name for each in declared if each.marker is None or each.marker.evaluate({"extra": ""})]
    assert len(base) <= MOST_DIRECT_DEPENDENCIES


@pytest.mark.parametrize("module", ["taskyard", "taskyard.testing"])
def test_import_loads_msgspec_only_when_nothing_is_sent(module: str) -> None:
    code = IMPORTED.format(module)
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in ran.stdout.split()}
    bare = subprocess.run([sys.executable, "-c", IMPORTED.format("sys")], capture_output=True, text=True, check=True)
    already = {name.partition(".")[0] for name in bare.stdout.split()}
    foreign = {name for name in loaded - already if name not in sys.stdlib_module_names}
    assert foreign == ALLOWED


def test_pytest_finds_the_plugin() -> None:
    (plugin,) = [each for each in entry_points(group="pytest11") if each.name == "taskyard"]
    assert plugin.value == "taskyard.testing.pytest_plugin"
