from __future__ import annotations

import threading

import pytest

from queuecore.errors import ConfigError, InvalidField
from taskyard.outbox.command import parse, run


def test_arguments_take_precedence_over_variables() -> None:
    environ = {
        "TASKYARD_OUTBOX_DATABASE_URL": "sqlite:///a",
        "TASKYARD_OUTBOX_POLL": "3s",
        "TASKYARD_OUTBOX_BATCH": "7",
    }
    arguments = parse(["--poll", "2s"], environ)
    assert (arguments.database_url, arguments.poll, arguments.batch, arguments.retention) == (
        "sqlite:///a",
        "2s",
        7,
        "24h",
    )


@pytest.mark.parametrize("argument", ["--batch=many", "--unknown", "--until-empty --retry-refused"])
def test_command_refuses_arguments_that_it_does_not_know(argument: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(argument.split(), {})
    assert ended.value.code == 2
    assert argument.rsplit(maxsplit=1)[-1].partition("=")[0] in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "error", "named"),
    [
        ([], ConfigError, "TASKYARD_OUTBOX_DATABASE_URL"),
        (["--database-url=oracle9://secret@host"], ConfigError, "TASKYARD_OUTBOX_DATABASE_URL"),
        (["--database-url=secret"], ConfigError, "TASKYARD_OUTBOX_DATABASE_URL"),
        (["--database-url=sqlite://", "--claim=1s"], InvalidField, "claim"),
        (["--database-url=sqlite://"], ConfigError, "TASKYARD_URL"),
    ],
)
def test_command_names_the_setting_when_it_is_missing_or_invalid(
    arguments: list[str], error: type[Exception], named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TASKYARD_URL", raising=False)
    with pytest.raises(error, match=named) as raised:
        run(parse(arguments, {}), threading.Event())
    assert "secret" not in str(raised.value)
