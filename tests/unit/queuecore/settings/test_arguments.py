from __future__ import annotations

from importlib.metadata import version

import msgspec
import pytest

from queuecore.settings.arguments import answer_arguments


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of a test."""

    drain_ms: int = 10
    folder: str


def _answer(*arguments: str) -> None:
    answer_arguments("taskyard-api", Settings, "TASKYARD_X_", arguments)


def test_nothing_happens_when_there_are_no_arguments() -> None:
    _answer()


def test_version_is_that_of_the_distribution(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match=r"^0$"):
        _answer("--version")
    assert capsys.readouterr().out == f"taskyard-api {version('taskyard-api')}\n"


def test_help_lists_each_variable(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match=r"^0$"):
        _answer("--help")
    out = capsys.readouterr().out
    assert out.startswith("usage: taskyard-api")
    assert "HTTP API" in out
    assert "TASKYARD_X_DRAIN" in out
    assert "TASKYARD_X_FOLDER=(required)" in out


@pytest.mark.parametrize("argument", ["--port=80", "serve"])
def test_argument_is_refused_when_it_is_unknown(argument: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match=r"^2$"):
        _answer(argument)
    assert argument in capsys.readouterr().err
