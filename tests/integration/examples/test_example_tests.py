"""The examples' own tests, run as an author of tasks runs them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[3] / "examples"
TESTED = sorted(path.parent for path in EXAMPLES.glob("*/test_*.py"))


@pytest.mark.parametrize("example", TESTED, ids=lambda path: path.name)
def test_tests_of_the_example_pass(example: Path) -> None:
    # Other plugins take longer to load than the tests.
    environ = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-c", os.devnull, "-p", "no:cacheprovider", "."]
    ran = subprocess.run(command, cwd=example, env=environ, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout
