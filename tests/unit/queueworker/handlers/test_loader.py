from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from queuecore.errors import ConfigError
from queueworker.handlers.loader import load_handlers

TWO = """
from taskyard import Taskyard
first, second, other = Taskyard(), Taskyard(defaults={"queue": "mail"}), 5
@first.task("one")
def one(payload): ...
@second.task("two")
def two(payload): ...
"""


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> _Writer:
    monkeypatch.syspath_prepend(tmp_path)
    return _Writer(tmp_path, monkeypatch)


class _Writer:
    """Writes modules that the test can import."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder = folder
        self._monkeypatch = monkeypatch

    def __call__(self, name: str, text: str) -> None:
        # Makes monkeypatch remove the module from the loaded ones after the test.
        self._monkeypatch.setitem(sys.modules, name, None)
        del sys.modules[name]
        (self._folder / f"{name}.py").write_text(text)


def test_load_takes_all_apps_of_a_module(write: _Writer) -> None:
    write("made_two", TWO)
    assert load_handlers(["made_two"]).types() == ["one", "two"]


def test_load_takes_one_of_them_when_it_is_named(write: _Writer) -> None:
    write("made_two", TWO)
    assert load_handlers(["made_two:second"]).types() == ["two"]


def test_load_takes_an_app_once_when_it_is_named_twice(write: _Writer) -> None:
    write("made_two", TWO)
    assert load_handlers(["made_two", "made_two:first"]).types() == ["one", "two"]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "no app at its top level"),
        ("import nobody_has_this", "nobody_has_this"),
        (TWO + "undefined_name", r"NameError.*made_wrong.py, line 8"),
        (TWO + "@second.task('two')\ndef another(payload): ...", r"made_wrong.two and made_wrong.another"),
        ("from taskyard import Taskyard\n@Taskyard().task('one')\ndef one(): ...", "must take a payload"),
        ("from taskyard import Taskyard\n@Taskyard().task('no type')\ndef one(payload): ...", "no type"),
        ("from taskyard import Taskyard\n@Taskyard().task('one', timout='1s')\ndef one(payload): ...", "timeout"),
    ],
)
def test_load_names_the_module_and_the_cause_when_it_cannot_be_used(write: _Writer, text: str, named: str) -> None:
    write("made_wrong", text)
    with pytest.raises(ConfigError, match="made_wrong") as refused:
        load_handlers(["made_wrong"])
    assert re.search(named, str(refused.value))


def test_load_names_both_functions_when_two_apps_have_the_same_type(write: _Writer) -> None:
    write("made_two", TWO)
    write("made_other", TWO)
    with pytest.raises(ConfigError, match=r"made_two\.one and made_other\.one"):
        load_handlers(["made_two", "made_other"])


@pytest.mark.parametrize("name", ["there_is_none", "made_two:other", "made_two:missing", ":app", ".made_two"])
def test_load_names_the_variable_when_a_name_leads_nowhere(write: _Writer, name: str) -> None:
    write("made_two", TWO)
    with pytest.raises(ConfigError, match="TASKYARD_WORKER_APPS"):
        load_handlers([name])


def test_load_finds_modules_in_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [each for each in sys.path if each])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "made_here", None)
    del sys.modules["made_here"]
    (tmp_path / "made_here.py").write_text(TWO)
    assert load_handlers(["made_here:first"]).types() == ["one"]


def test_load_adds_demo_when_asked_to(write: _Writer) -> None:
    write("made_two", TWO)
    assert load_handlers([], with_demo=True).types() == ["demo"]
    assert "demo" not in load_handlers(["made_two"]).types()


def test_load_names_the_variable_that_turns_demo_off_when_its_type_is_taken(write: _Writer) -> None:
    write("made_demo", TWO.replace('"one"', '"demo"'))
    with pytest.raises(ConfigError, match="TASKYARD_WORKER_DEMO"):
        load_handlers(["made_demo"], with_demo=True)
    assert "demo" in load_handlers(["made_demo"]).types()


@pytest.mark.parametrize(
    ("apps", "said"),
    [([], "TASKYARD_WORKER_APPS names no app"), (["made_empty"], r"the apps of TASKYARD_WORKER_APPS \(made_empty\)")],
)
def test_load_says_where_it_looked_when_there_is_no_handler(write: _Writer, apps: list[str], said: str) -> None:
    write("made_empty", "from taskyard import Taskyard\napp = Taskyard()")
    with pytest.raises(ConfigError, match=said) as refused:
        load_handlers(apps)
    assert "taskyard.handlers" in str(refused.value)
    assert "TASKYARD_WORKER_DEMO" in str(refused.value)


def test_loaded_handlers_name_the_queues_of_their_apps(write: _Writer) -> None:
    write("made_two", TWO)
    assert load_handlers(["made_two"], with_demo=True).queues() == ["default", "mail"]


def test_loaded_handlers_have_the_lifespan_of_each_app_once(write: _Writer) -> None:
    write("made_two", TWO + "@second.task('three')\ndef three(payload): ...")
    assert len(load_handlers(["made_two"]).lifespans()) == 2
