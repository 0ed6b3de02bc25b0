from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from queuecore.testing.waiting import eventually
from tests.support.standalone_process import StandaloneProcess

pytestmark = pytest.mark.timeout(180)

APP = """
import asyncio
from pathlib import Path

from taskyard import Taskyard

app = Taskyard()

@app.task("answer")
async def answer(payload: dict) -> dict:
    while payload.get("waits") and not Path("go").exists():
        await asyncio.sleep(0.01)
    return {{"answer": {answer!r}}}
"""
ENVIRON = {"TASKYARD_WORKER_SLOTS": "1", "TASKYARD_WORKER_DEMO": "false"}
RELOAD_S = 40.0


def _dev(folder: Path) -> StandaloneProcess:
    return StandaloneProcess(folder, ENVIRON, [sys.executable, "-m", "queuestandalone.dev", "shop:app"])


def _save(folder: Path, text: str) -> None:
    """Replace the file as an editor does."""
    (folder / "shop.new").write_text(text)
    (folder / "shop.new").rename(folder / "shop.py")


async def _logged(dev: StandaloneProcess, event: str, times: int = 1) -> None:
    await eventually(lambda: dev.log.count(event) >= times, within_s=RELOAD_S)


async def _enqueue(dev: StandaloneProcess, **payload: Any) -> str:
    answer = await dev.http.post("/tasks", json={"type": "answer", "payload": payload})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["task_id"])


async def _result(dev: StandaloneProcess, task_id: str) -> object:
    async def completed() -> bool:
        return await dev.state_of(task_id) == "completed"

    await eventually(completed, within_s=RELOAD_S)
    return (await dev.http.get(f"/tasks/{task_id}")).json()["result"]["answer"]


async def test_queued_tasks_run_with_the_new_code_when_a_handler_is_saved(tmp_path: Path) -> None:
    _save(tmp_path, APP.format(answer="old"))
    async with _dev(tmp_path) as dev:
        await dev.until_ready()
        running = await _enqueue(dev, waits=True)
        await eventually(lambda: _is_active(dev, running))
        queued = [await _enqueue(dev) for _ in range(5)]

        _save(tmp_path, APP.format(answer="new"))

        assert [await _result(dev, each) for each in queued] == ["new"] * 5
        assert await dev.state_of(running) == "active"
        (tmp_path / "go").touch()
        assert await _result(dev, running) == "old"
        assert (await dev.http.get(f"/tasks/{running}")).json()["attempt"] == 1
        assert await dev.stop() == 0


async def test_saves_reload_or_keep_the_worker_when_a_module_breaks_and_is_repaired(tmp_path: Path) -> None:
    _save(tmp_path, "def")
    async with _dev(tmp_path) as dev:
        await dev.until_ready()
        assert "worker_not_started" in dev.log
        assert "Store      redis://127.0.0.1:" in dev.log

        _save(tmp_path, APP.format(answer="first"))
        await eventually(lambda: _is_registered(dev), within_s=RELOAD_S)
        assert await _result(dev, await _enqueue(dev)) == "first"

        _save(tmp_path, "import nothing_of_this_name\n")
        await _logged(dev, "worker_not_started", times=2)
        assert "No module named 'nothing_of_this_name'" in dev.log
        assert await _result(dev, await _enqueue(dev)) == "first"

        _save(tmp_path, APP.format(answer="second"))
        await _logged(dev, "worker_reloaded")
        assert await _result(dev, await _enqueue(dev)) == "second"
        assert await dev.stop() == 0
    assert not list((tmp_path / "data" / "run").glob("*.pid"))


async def _is_registered(dev: StandaloneProcess) -> bool:
    return "answer" in (await dev.http.get("/types")).text


async def _is_active(dev: StandaloneProcess, task_id: str) -> bool:
    return await dev.state_of(task_id) == "active"
