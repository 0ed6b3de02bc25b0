"""A virtual environment into which pip installs from folders of wheels alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path

from tests.support.service_process import clean_environment


class EmptyEnvironment:
    """An environment without packages, which neither the repository nor an index can reach.

    Args:
        folder: where it is made.
        wheel_folders: all wheels that pip may install.
    """

    def __init__(self, folder: Path, wheel_folders: Sequence[Path]) -> None:
        venv.create(folder, with_pip=False, symlinks=True)
        self.scripts = folder / "bin"
        self.site = folder / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
        self._folder = folder
        self._sources = ["--no-index", *(f"--find-links={each}" for each in wheel_folders)]

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables of its commands: this process's, without what configures Python or pip."""
        foreign = ("PIP_", "PYTHON", "VIRTUAL_ENV")
        own = {name: text for name, text in clean_environment().items() if not name.startswith(foreign)}
        return own | {"PYTHONPATH": "", "PATH": f"{self.scripts}:{os.defpath}", "PIP_CONFIG_FILE": os.devnull}

    def install(self, *requirements: str) -> None:
        """Install with the pip of this process."""
        self._pip("--python", str(self.scripts / "python"), "install", "--no-compile", *self._sources, *requirements)

    def resolve(self, *requirements: str) -> set[str]:
        """The names of all distributions that pip would install."""
        options = ["--dry-run", "--ignore-installed", "--quiet", "--report=-"]
        report = json.loads(self._pip("install", *options, *self._sources, *requirements))
        return {each["metadata"]["name"].lower().replace("_", "-") for each in report["install"]}

    def run(self, *command: str) -> str:
        """The output of a command in an empty folder, which must succeed.

        Args:
            command: the name of a script of the environment, and its arguments.
        """
        return self._run([str(self.scripts / command[0]), *command[1:]])

    def _pip(self, *arguments: str) -> str:
        return self._run([sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments])

    def _run(self, command: Sequence[str]) -> str:
        empty = self._folder / "empty"
        empty.mkdir(exist_ok=True)
        done = subprocess.run(
            command,
            cwd=empty,
            env=self.variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert not done.returncode, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout
