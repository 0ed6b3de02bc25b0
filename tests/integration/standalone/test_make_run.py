from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import pytest

from queuecore.embedded import EmbeddedValkey
from queuecore.testing.waiting import eventually
from tests.support.standalone_process import StandaloneProcess

pytestmark = pytest.mark.timeout(120)

_PAYLOAD = {"message": "Hello", "count": 2}
_DEMO = {"type": "demo", "payload": _PAYLOAD}


async def test_completed_task_survives_when_the_stack_is_restarted(tmp_path: Path) -> None:
    async with StandaloneProcess(tmp_path) as first:
        await first.until_ready()
        created = await first.http.post("/tasks", json={**_DEMO, "retention": "1h"})
        assert created.status_code == 201
        task_id = created.json()["task_id"]
        await eventually(lambda: _is(first, task_id, "completed"))
        assert await first.stop(signal.SIGINT) == 0

    async with StandaloneProcess(tmp_path) as second:
        await second.until_ready()
        task = (await second.http.get(f"/tasks/{task_id}")).json()

    assert task["state"] == "completed"
    assert task["result"] == _PAYLOAD


async def test_embedded_valkey_syncs_each_write_when_tasks_must_be_synced(tmp_path: Path) -> None:
    async with StandaloneProcess(tmp_path, {"TASKYARD_API_DURABILITY": "fsync"}) as standalone:
        await standalone.until_ready()
        created = await standalone.http.post("/tasks", json=_DEMO)
        limits = await standalone.http.get("/queues/default/limits")

    assert created.status_code == 201
    assert limits.json()["durability"] == "fsync"


async def test_process_is_restarted_alone_when_it_is_killed(tmp_path: Path) -> None:
    async with StandaloneProcess(tmp_path) as standalone:
        await standalone.until_ready()
        before = {name: standalone.pid(name) for name in ("redis", "api", "scheduler", "worker")}
        assert all(before.values())

        for name in ("worker", "redis"):
            os.kill(before[name], signal.SIGKILL)
            await standalone.pid_other_than(name, before[name])

        assert standalone.pid("api") == before["api"]
        assert standalone.pid("scheduler") == before["scheduler"]
        task_id = await eventually(lambda: _enqueue(standalone))
        await eventually(lambda: _is(standalone, task_id, "completed"))


async def test_stop_drains_the_running_task_when_the_process_group_gets_ctrl_c(tmp_path: Path) -> None:
    async with StandaloneProcess(tmp_path) as first:
        await first.until_ready()
        slow = {"type": "demo", "payload": {**_PAYLOAD, "sleep": "1s"}}
        task_id = (await first.http.post("/tasks", json=slow)).json()["task_id"]
        await eventually(lambda: _is(first, task_id, "active"))
        assert await first.stop(signal.SIGINT) == 0

    async with StandaloneProcess(tmp_path) as second:
        await second.until_ready()
        task = (await second.http.get(f"/tasks/{task_id}")).json()

    assert (task["state"], task["attempt"]) == ("completed", 1)


async def test_stop_leaves_no_process_and_no_pid_file_when_signalled(tmp_path: Path) -> None:
    async with StandaloneProcess(tmp_path) as standalone:
        await standalone.until_ready()
        pids = [standalone.pid(name) for name in ("redis", "api", "scheduler", "worker")]
        assert len({os.getpgid(pid) for pid in pids}) == 1

        assert await standalone.stop() == 0

    assert not list((tmp_path / "data" / "run").glob("*.pid"))
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


async def test_external_server_is_used_when_its_url_is_set(tmp_path: Path) -> None:
    with EmbeddedValkey(tmp_path / "other") as other:
        async with StandaloneProcess(tmp_path, {"TASKYARD_REDIS_URL": other.url}) as standalone:
            await standalone.until_ready()
            task_id = await _enqueue(standalone)
            await eventually(lambda: _is(standalone, task_id, "completed"))

            assert standalone.pid("redis") == 0
            assert await standalone.stop() == 0
        assert other.answers()


async def test_banner_urls_answer_when_all_processes_run(tmp_path: Path) -> None:
    async with StandaloneProcess(tmp_path) as standalone:
        await standalone.until_ready()

        for url in re.findall(r"http://[0-9.:]+/(?:schema|metrics|ready)", standalone.log):
            answer = await standalone.http.get(url, follow_redirects=True)
            assert answer.status_code == 200, url


async def _enqueue(standalone: StandaloneProcess) -> str:
    answer = await standalone.http.post("/tasks", json=_DEMO)
    return str(answer.json()["task_id"]) if answer.is_success else ""


async def _is(standalone: StandaloneProcess, task_id: str, state: str) -> bool:
    return await standalone.state_of(task_id) == state
