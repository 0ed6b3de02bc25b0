"""The example, run as in its README."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from queuecore.embedded import find_free_port
from queuecore.testing.waiting import eventually

EXAMPLE = Path(__file__).parents[3] / "examples" / "01-first-handler"
READY_S = 30


@pytest.fixture
def base_url(tmp_path: Path) -> Iterator[str]:
    """A standalone system with the example's handlers, started like ``make run``."""
    port = find_free_port()
    environment = {
        **os.environ,
        "PYTHONPATH": str(EXAMPLE),
        "TASKYARD_WORKER_APPS": "tasks:app",
        "TASKYARD_API_PORT": str(port),
        "TASKYARD_DATA_DIR": str(tmp_path / "data"),
    }
    with subprocess.Popen(
        [sys.executable, "-m", "queuestandalone"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        yield f"http://127.0.0.1:{port}"
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output.decode()


async def test_handlers_run_and_refuse_as_the_readme_says(base_url: str) -> None:
    async with httpx.AsyncClient(base_url=base_url, trust_env=False) as client:

        async def types() -> set[str]:
            try:
                return {each["type"] for each in (await client.get("/api/v1/types")).json()}
            except httpx.TransportError:
                return set()

        async def ended(task_id: str) -> dict[str, object]:
            task: dict[str, object] = (await client.get(f"/api/v1/tasks/{task_id}")).json()
            return task if task["state"] in ("completed", "archived") else {}

        async def post(**task: object) -> httpx.Response:
            return await client.post("/api/v1/tasks", json=task)

        async def registered() -> bool:
            return {"greet", "sum"} <= await types()

        await eventually(registered, within_s=READY_S)
        await post(type="greet", payload={"name": "Ada"}, task_id="greet-ada")
        greeted = await eventually(lambda: ended("greet-ada"))
        assert greeted["result"] == {"text": "Hello, Ada!"}
        await post(type="sum", payload={"values": [1, 2, 3]}, task_id="sum")
        assert (await eventually(lambda: ended("sum")))["result"] == {"total": 6}
        await post(type="sum", payload={"values": []}, task_id="nothing")
        given_up = await eventually(lambda: ended("nothing"))
        assert (given_up["state"], given_up["reason"]) == ("archived", "do_not_retry")
        refused = await post(type="greet", payload={"name": 7})
        assert (refused.status_code, refused.json()["code"]) == (400, "INVALID_PAYLOAD")
