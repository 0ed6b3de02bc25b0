"""Every command in docs/cli.md is run in a shell, and must print the documented output.

``...`` stands for anything, and white space does not count. Both streams of the output are compared.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from taskyard.testing import TestServer

PAGE = Path(__file__).parents[3] / "docs" / "cli.md"

pytestmark = pytest.mark.timeout(120)


def find_commands() -> Iterator[tuple[str, str]]:
    """Commands, a here-document included, and their output."""
    for block in re.findall(r"^```console\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE):
        for step in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, shown = step.partition("\nEND\n" if "<<'END'" in step else "\n")
            yield (f"{command}\nEND\n" if "<<'END'" in step else command), shown


def test_commands_print_what_the_page_shows(tmp_path: Path) -> None:
    with TestServer() as server:
        environ = {
            **os.environ,
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "TASKYARD_URL": server.url,
        }
        for command, shown in find_commands():
            ran = subprocess.run(
                ["bash", "-c", command],
                cwd=tmp_path,
                env=environ,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
            )
            pattern = ".*".join(re.escape(_dense(part)) for part in shown.split("..."))
            assert re.fullmatch(pattern, _dense(ran.stdout)), f"$ {command}\n{ran.stdout}"


def _dense(text: str) -> str:
    return re.sub(r"\s+", "", text)
