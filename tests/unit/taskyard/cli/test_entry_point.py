from __future__ import annotations

import subprocess
import sys

import pytest

from queuecore.embedded import find_free_port
from taskyard.cli import __main__ as entry_point
from taskyard.cli import installed


class _EntryPoint:
    def __init__(self) -> None:
        self.name = "dance"
        self.arguments: list[str] = []

    def load(self) -> object:
        return lambda: self.arguments.extend(sys.argv)


def test_command_names_the_extra_when_its_libraries_are_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(entry_point, "find_spec", lambda name: None if name == "rich" else object())
    monkeypatch.setattr(sys, "argv", ["taskyard", "queues"])
    with pytest.raises(SystemExit) as ended:
        entry_point.main()
    assert ended.value.code == 2
    assert "pip install 'taskyard[cli]'" in capsys.readouterr().err


def test_installed_command_runs_with_its_arguments_when_named(monkeypatch: pytest.MonkeyPatch) -> None:
    dance = _EntryPoint()
    monkeypatch.setattr(sys, "argv", ["taskyard", "dance", "--fast"])
    found = {("taskyard.commands", "dance"): [dance]}
    monkeypatch.setattr(installed, "entry_points", lambda *, group, name: found.get((group, name), []))
    assert installed.run_installed(["dance", "--fast"])
    assert dance.arguments == ["taskyard dance", "--fast"]
    assert not installed.run_installed(["walk"])
    assert not installed.run_installed(["--version"])
    assert not installed.run_installed([])


def test_errors_are_json_when_asked() -> None:
    unused = f"http://127.0.0.1:{find_free_port()}"
    command = [sys.executable, "-m", "taskyard.cli", "queues", "--url", unused, "--api-timeout", "100ms", "--json"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 6, ran.stderr
    assert ran.stderr.startswith('{"error":"get queue stats: ')
    assert ran.stderr.endswith(',"exit_code":6}\n')
    assert ran.stdout == ""
