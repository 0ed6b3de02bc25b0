from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from typer.testing import CliRunner

from taskyard.cli.root import app


def test_new_service_passes_its_own_tests(tmp_path: Path) -> None:
    folder = tmp_path / "web-shop"
    written = CliRunner().invoke(app, ["new", "web-shop", "--folder", str(folder)])
    assert written.exit_code == 0, written.output
    assert str(folder / "web_shop" / "tasks.py") in written.stdout

    environ = {name: text for name, text in os.environ.items() if not name.startswith(("PYTEST_", "TASKYARD_"))}
    # As with pytest and taskyard alone, without the other plugins of this checkout.
    environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    command = [sys.executable, "-m", "pytest", "-p", "taskyard.testing.pytest_plugin", "-W", "error"]
    ran = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "3 passed" in ran.stdout


def test_new_is_refused_when_the_folder_has_files(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    refused = CliRunner().invoke(app, ["new", "shop", "--folder", str(tmp_path)])
    assert refused.exit_code == 2
    assert "is not empty" in refused.stderr
