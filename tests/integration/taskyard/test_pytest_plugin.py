from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

TASKS = """
from taskyard import Taskyard
app = Taskyard()
@app.task("double")
def double(payload: dict[str, int]) -> int:
    return 2 * payload["number"]
"""
TESTS = """
from shop.tasks import double

def test_records(recorded_tasks):
    double.enqueue_sync({"number": 1})
    recorded_tasks.assert_enqueued(double, {"number": 1}, times=1)

def test_runs_inline(inline_tasks):
    assert double.enqueue_sync({"number": 2}).result() == 4
"""


def run_pytest(folder: Path, *options: str) -> str:
    (folder / "shop").mkdir()
    (folder / "shop" / "tasks.py").write_text(TASKS)
    (folder / "test_shop.py").write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "taskyard.testing.pytest_plugin", *options]
    # Other plugins take longer to load than the tests.
    environ = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False).stdout


def test_fixtures_record_and_run_tasks_of_the_configured_app(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\npythonpath = .\ntaskyard_apps = shop.tasks:app\n")
    assert "2 passed" in run_pytest(tmp_path)


def test_fixtures_say_what_to_configure_when_no_app_is_named(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\npythonpath = .\n")
    assert 'set taskyard_apps = ["shop.tasks:app"]' in run_pytest(tmp_path, "-k", "records")
