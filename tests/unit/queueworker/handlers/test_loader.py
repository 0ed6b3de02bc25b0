from __future__ import annotations

import sys
from pathlib import Path

import pytest

from queuecore.errors import ConfigError
from queueworker.handlers.loader import load_handlers

TWO = """
from queueworker import Handlers
first, second, other = Handlers(), Handlers(), 5
@first.register("one")
def one(payload): ...
@second.register("two")
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


def test_load_takes_all_handlers_of_a_module(write: _Writer) -> None:
    write("made_two", TWO)
    assert load_handlers(["made_two"]).types() == ["one", "two"]


def test_load_takes_one_of_them_when_it_is_named(write: _Writer) -> None:
    write("made_two", TWO)
    assert load_handlers(["made_two:second"]).types() == ["two"]


def test_load_takes_a_handler_once_when_it_is_named_twice(write: _Writer) -> None:
    write("made_two", TWO)
    assert load_handlers(["made_two", "made_two:first"]).types() == ["one", "two"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "import nobody_has_this",
        TWO + "@second.register('one')\ndef another(payload): ...",
        "from queueworker import Handlers\n@Handlers().register('one')\ndef one(): ...",
        "from queueworker import Handlers\n@Handlers().register('no type')\ndef one(payload): ...",
    ],
)
def test_load_says_what_is_wrong_with_a_module(write: _Writer, text: str) -> None:
    write("made_wrong", text)
    with pytest.raises(ConfigError, match="made_wrong"):
        load_handlers(["made_wrong"])


@pytest.mark.parametrize("name", ["there_is_none", "made_two:other", "made_two:missing", ":handlers", ".made_two"])
def test_load_names_the_variable_when_a_name_leads_nowhere(write: _Writer, name: str) -> None:
    write("made_two", TWO)
    with pytest.raises(ConfigError, match="TASKYARD_WORKER_HANDLERS"):
        load_handlers([name])


def test_load_adds_demo_when_asked_to() -> None:
    assert "demo" in load_handlers([], with_demo=True).types()
    assert "demo" not in load_handlers([]).types()


def test_load_names_the_variable_that_turns_demo_off_when_its_type_is_taken(write: _Writer) -> None:
    write("made_demo", TWO.replace('"one"', '"demo"'))
    with pytest.raises(ConfigError, match="TASKYARD_WORKER_DEMO"):
        load_handlers(["made_demo"], with_demo=True)
    assert "demo" in load_handlers(["made_demo"]).types()
