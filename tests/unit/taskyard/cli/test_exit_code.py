from __future__ import annotations

import re
from pathlib import Path

import pytest

from queuecore.errors import ConfigError, InvalidField
from taskyard import NotAvailable, NotConnected, QueueFull, ResultTimeout, Unauthorized, UnknownTask
from taskyard.cli.exit_code import ExitCode, exit_code_of

PAGE = Path(__file__).parents[4] / "docs" / "cli.md"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (QueueFull(""), 1),
        (ConfigError(""), 2),
        (InvalidField("delay", "x", "a duration"), 2),
        (UnknownTask(""), 3),
        (ResultTimeout(""), 5),
        (NotConnected(""), 6),
        (NotAvailable(""), 6),
        (Unauthorized(""), 7),
    ],
)
def test_error_has_its_exit_code(error: Exception, code: int) -> None:
    assert exit_code_of(error) == code


def test_page_lists_each_exit_code() -> None:
    assert {int(each) for each in re.findall(r"(?m)^\| (\d+) \|", PAGE.read_text())} == {int(each) for each in ExitCode}
