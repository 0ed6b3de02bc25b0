"""Log lines of real processes during normal operation and failures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from queuecore.embedded import HOST, EmbeddedValkey, find_free_port
from queuecore.testing.waiting import eventually
from tests.integration.logs.log_lines import Line, read_lines
from tests.support.service_process import running

PASSWORD, TOKEN, CARD = "hunter2-of-the-store", "token-of-the-collector", "4111-1111-1111-1111"
TRACE = "0af7651916cd43dd8448eb211c80319c"
TRACED = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    """The test's own server, with a user that has a password."""
    user = f"app on >{PASSWORD} ~* &* +@all"
    with EmbeddedValkey(tmp_path / "valkey", append_only=True, config={"user": user}) as server:
        yield server


@pytest.fixture
def guarded(valkey: EmbeddedValkey) -> str:
    return valkey.url.replace("redis://", f"redis://app:{PASSWORD}@")


@pytest.mark.parametrize("level", ["debug", "info"])
async def test_lines_have_one_form_and_hide_what_is_secret(
    valkey: EmbeddedValkey, guarded: str, tmp_path: Path, level: str
) -> None:
    logs = {name: tmp_path / f"{name}.log" for name in ("api", "scheduler", "worker")}
    shared = {
        "TASKYARD_LOG_LEVEL": level,
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{HOST}:{find_free_port()}",
        "OTEL_EXPORTER_OTLP_HEADERS": f"authorization={TOKEN}",
    }
    handlers = {"TASKYARD_WORKER_APPS": "tests.integration.logs.handlers", "TASKYARD_WORKER_LEASE": "1s"}
    with (
        running("queueapi", guarded, logs["api"], **shared) as api,
        running("queuescheduler", guarded, logs["scheduler"], **shared) as scheduler,
        running("queueworker", guarded, logs["worker"], **shared, **handlers) as worker,
    ):
        async with httpx.AsyncClient(base_url=api.url) as client:
            await eventually(lambda: _registered(client))
            for kind, queue in (("pay", "default"), ("pay_in_thread", "default")):
                await _post(client, kind, queue)
            await eventually(lambda: _completed(client, 2))
            valkey.kill()
            refused = await client.post("/api/v1/tasks", json=_order("pay", "default"))
            assert refused.status_code == 503
            await eventually(lambda: worker.logged("heartbeat_failed") and scheduler.logged("queue_discovery_failed"))
            valkey.start()
            await eventually(lambda: _registered(client))
        for process in (api, scheduler, worker):
            process.terminate()
        assert [await process.wait() for process in (api, scheduler, worker)] == [0, 0, 0]

    lines = {name: read_lines(path) for name, path in logs.items()}
    for name, path in logs.items():
        assert {line.service for line in lines[name]} == {name}
        for secret in (PASSWORD, TOKEN, CARD):
            assert secret not in path.read_text()
        assert {"error", "critical"}.isdisjoint(line.level for line in lines[name])
    _assert_tells_of_the_tasks(lines["worker"], level)


def _assert_tells_of_the_tasks(lines: list[Line], level: str) -> None:
    task_lines = [line for line in lines if line.event in {"paying", "task_failed", "task_completed"}]
    assert task_lines
    for line in task_lines:
        assert line.task_id
        assert line.queue == "default"
        assert line.type in {"pay", "pay_in_thread"}
        assert line.attempt
        assert line.trace_id == TRACE
        assert line.span_id
    (failed,) = [line for line in task_lines if line.event == "task_failed"]
    assert failed.level == "warning"
    assert failed.duration_ms is not None
    assert failed.error == "ConnectionError: the bank is unreachable"
    completed = [line for line in task_lines if line.event == "task_completed"]
    assert len(completed) == (2 if level == "debug" else 0)
    assert all(line.duration_ms is not None for line in completed)


def _order(kind: str, queue: str) -> dict[str, object]:
    policy = {"curve": "constant", "base": "10ms"}
    return {"type": kind, "payload": {"number": CARD}, "queue": queue, "retry_policy": policy}


async def _post(client: httpx.AsyncClient, kind: str, queue: str) -> None:
    response = await client.post("/api/v1/tasks", json=_order(kind, queue), headers=TRACED)
    assert response.status_code == 201, response.text
    bad = await client.post("/api/v1/tasks", json={**_order(kind, queue), "payload": {"number": 1, "card": CARD}})
    assert bad.json()["code"] == "INVALID_PAYLOAD"


async def _registered(client: httpx.AsyncClient) -> bool:
    response = await client.get("/api/v1/types")
    return response.status_code == 200 and "pay" in response.text


async def _completed(client: httpx.AsyncClient, number: int) -> bool:
    stats = (await client.get("/api/v1/queues/stats")).json()
    return sum(int(each["completed"]) for each in stats) == number
