from __future__ import annotations

from pathlib import Path

from queuecore.domain.state import TaskState
from queuecore.embedded import EmbeddedValkey
from queuecore.testing.store import TestStore
from tests.integration.queueworker.conftest import StartService
from tests.integration.queueworker.expectations import order, until_state
from tests.support.service_process import start

APP = """
import os
from pathlib import Path
from taskyard import Context, Taskyard

async def resources():
    if "FAIL" in os.environ:
        raise OSError("no database")
    with Path("{trace}").open("a") as trace:
        print("entered", file=trace, flush=True)
        yield trace
        print("exited", file=trace, flush=True)

app = Taskyard(lifespan=resources, defaults={{"queue": "lifespan"}})

@app.task("note")
async def note(payload: dict, context: Context) -> None:
    print("ran", file=context.state, flush=True)
"""


def write_app(folder: Path) -> dict[str, str]:
    """Write the module; returns the variables of a worker that runs it."""
    (folder / "noting.py").write_text(APP.format(trace=folder / "trace"))
    return {"PYTHONPATH": str(folder), "TASKYARD_WORKER_APPS": "noting:app", "TASKYARD_WORKER_QUEUES": ""}


async def test_state_exists_from_before_the_first_task_until_after_the_drain(
    start_worker: StartService, store: TestStore, tmp_path: Path
) -> None:
    worker = start_worker(**write_app(tmp_path))
    task = order("note", queue="lifespan")
    await store.enqueue(task)
    await until_state(store, task, TaskState.COMPLETED)
    assert (tmp_path / "trace").read_text().split() == ["entered", "ran"]
    assert await worker.stop() == 0
    assert (tmp_path / "trace").read_text().split() == ["entered", "ran", "exited"]
    (started,) = worker.logged("worker_started")
    assert started["queues"] == ["lifespan", "default"]
    assert started["handlers"] == {"demo": "queueworker.handlers.demo.demo", "note": "noting.note"}


async def test_worker_exits_1_and_logs_the_error_when_a_lifespan_fails(valkey: EmbeddedValkey, tmp_path: Path) -> None:
    worker = start("queueworker", valkey.url, tmp_path / "log", **write_app(tmp_path), FAIL="1")
    assert await worker.wait() == 1
    (failed,) = worker.logged("lifespan_failed")
    assert "OSError: no database" in failed["traceback"]
    assert worker.logged("worker_started") == []
