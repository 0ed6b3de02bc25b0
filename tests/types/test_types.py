from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
ACCEPTED, REFUSED = FOLDER / "accepted.py", FOLDER / "refused.py"
MARK = "# refused"
Check = Callable[[Path], Iterator[tuple[str, int]]]
"""Type-checks the modules in a folder; yields the file name and the line of each error."""


def check_with_mypy(folder: Path) -> Iterator[tuple[str, int]]:
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--cache-dir=cache", "."]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert "checked 2 source files" in ran.stdout, ran.stdout + ran.stderr
    for name, line in re.findall(r"(\w+\.py):(\d+): error: ", ran.stdout):
        yield name, int(line)


def check_with_pyright(folder: Path) -> Iterator[tuple[str, int]]:
    settings = {"pythonVersion": "3.11", "typeCheckingMode": "strict", "reportUnusedExpression": False}
    (folder / "pyrightconfig.json").write_text(json.dumps(settings))
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    report = json.loads(ran.stdout)
    assert report["summary"]["filesAnalyzed"] == 2, ran.stdout
    for each in report["generalDiagnostics"]:
        if each["severity"] == "error":
            yield Path(each["file"]).name, each["range"]["start"]["line"] + 1


@pytest.mark.timeout(180)
@pytest.mark.parametrize("check", [check_with_mypy, check_with_pyright])
def test_type_checker_accepts_correct_code_and_refuses_each_mistake(check: Check, tmp_path: Path) -> None:
    for each in (ACCEPTED, REFUSED):
        shutil.copy(each, tmp_path)
    marked = {
        (REFUSED.name, number) for number, text in enumerate(REFUSED.read_text().splitlines(), 1) if text.endswith(MARK)
    }
    assert set(check(tmp_path)) == marked
