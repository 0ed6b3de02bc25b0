"""The store rejects commands: it is full, a read-only replica, or has another password."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from queuecore.embedded import HOST
from queuecore.settings.shared import RedisSettings
from queuecore.settings.variable import Secret
from queuecore.store.client.connect import connect
from queuecore.store.scripts.call import Argument
from queuecore.testing.proxy import FaultyProxy
from queuecore.testing.waiting import eventually
from tests.support.http_producer import HttpProducer
from tests.support.invariants import assert_invariants
from tests.support.service_process import ServiceProcess, plain_http
from tests.support.system import System, work

_NO_SERVER = (HOST, 1)
"""An address without a server."""
_PASSWORD = "rotated"
_REFUSALS = 4
_RECOVERY_S = 5.0
"""Guaranteed recovery time after the end of the rejections."""


class Fault(NamedTuple):
    """A fault of the server: commands that inject it and that remove it."""

    begin: Sequence[Sequence[Argument]]
    end: Sequence[Sequence[Argument]]
    code: str
    """Error code of the API's responses."""
    problem: str
    """Text in the response of ``/ready``; empty if the services stay ready."""
    password: str | None = None
    """Password of the server during the fault."""


_FAULTS = {
    "full": Fault([("CONFIG", "SET", "maxmemory", 1)], [("CONFIG", "SET", "maxmemory", 0)], "STORE_FULL", ""),
    "read-only": Fault(
        [("REPLICAOF", *_NO_SERVER)], [("REPLICAOF", "NO", "ONE")], "STORE_UNAVAILABLE", "read-only replica"
    ),
    "password": Fault(
        [("CONFIG", "SET", "requirepass", _PASSWORD), ("CLIENT", "KILL", "TYPE", "normal")],
        [("CONFIG", "SET", "requirepass", "")],
        "STORE_UNAVAILABLE",
        "TASKYARD_REDIS_PASSWORD",
        _PASSWORD,
    ),
}


@pytest.mark.parametrize("fault", _FAULTS.values(), ids=_FAULTS)
async def test_services_wait_and_recover_when_the_store_rejects_commands(
    system: System, tmp_path: Path, fault: Fault
) -> None:
    gate = tmp_path / "gate"
    api, worker, _ = await asyncio.gather(
        system.start_api(), system.start_worker(TASKYARD_WORKER_LEASE="8s"), system.start_scheduler()
    )
    running = await system.enqueue(work("coroutine", until=str(gate)) for _ in range(10))
    await system.until_started(running)
    async with HttpProducer(api.url, lambda: work("coroutine")) as producer, plain_http(api.url) as http:
        await eventually(lambda: producer.accepted)
        await _run_commands(system, fault.begin)
        await eventually(lambda: len(producer.rejections) >= _REFUSALS)
        gate.touch()
        await eventually(lambda: _ended(system) >= {task.id for task in running})
        assert (await http.get("/live")).status_code == (await http.get(f"{worker.url}/live")).status_code == 200
        if fault.problem:
            await eventually(lambda: _refuses(http, fault.problem))
        else:
            assert await _is_ready(http)
        await _run_commands(system, fault.end, fault.password)
        taken = len(producer.accepted)
        await eventually(lambda: len(producer.accepted) > taken, _RECOVERY_S)
        await system.until_started(producer.accepted[taken : taken + 1], _RECOVERY_S)
    tasks = [*running, *producer.accepted]
    await system.until_ended(len(tasks))
    await assert_invariants(system, tasks)
    assert {(answer.status, answer.code) for answer in producer.rejections} == {(503, fault.code)}
    assert all(int(answer.retry_after or 0) >= 1 for answer in producer.rejections)


@pytest.mark.parametrize("start", [System.start_unready_api, System.start_worker, System.start_scheduler])
async def test_service_reports_the_problem_and_recovers_when_it_starts_with_a_wrong_password(
    system: System, start: Callable[..., Awaitable[ServiceProcess]]
) -> None:
    await _run_commands(system, [("CONFIG", "SET", "requirepass", _PASSWORD)])
    service = await start(system, TASKYARD_REDIS_PASSWORD="wrong")
    async with plain_http(service.url) as http:
        await eventually(lambda: _refuses(http, "TASKYARD_REDIS_PASSWORD"))
        assert (await http.get("/live")).status_code == 200
    await _run_commands(system, [("CONFIG", "SET", "requirepass", "wrong")], _PASSWORD)
    async with plain_http(service.url) as http:
        await eventually(lambda: _is_ready(http), _RECOVERY_S)
    await _run_commands(system, [("CONFIG", "SET", "requirepass", "")], "wrong")


async def test_task_exists_once_when_the_reply_was_lost_and_the_client_posts_again_with_its_key(system: System) -> None:
    await system.start_worker()
    async with FaultyProxy(system.valkey.port) as proxy:
        api = await system.start_api(TASKYARD_REDIS_URL=proxy.url)
        async with plain_http(api.url) as http:
            body = {"type": "coroutine", "payload": {}}
            assert (await http.post("/api/v1/tasks", json=body)).status_code == 201
            # The client library retries once.
            proxy.cut_replies_to(b"EVALSHA", times=2)
            lost = await http.post("/api/v1/tasks", json=body, headers={"Idempotency-Key": "order-17"})
            assert (lost.status_code, lost.json()["code"]) == (503, "STORE_UNAVAILABLE")
            assert proxy.cuts_left == 0

            async def again() -> httpx.Response | None:
                answer = await http.post("/api/v1/tasks", json=body, headers={"Idempotency-Key": "order-17"})
                return answer if answer.is_success else None

            answer = await eventually(again, _RECOVERY_S)
    assert answer is not None
    assert answer.headers["Idempotency-Replayed"] == "true"
    assert (await system.stats()).totals.enqueued == {"coroutine": 2}


async def _run_commands(system: System, commands: Sequence[Sequence[Argument]], password: str | None = None) -> None:
    server = connect(RedisSettings(url=system.valkey.url, password=Secret(password) if password else None))
    for parts in commands:
        await server.command(*parts)
    await server.close()


def _ended(system: System) -> set[str]:
    return {entry.task_id for entry in system.executions.entries() if entry.event == "ended"}


async def _refuses(http: httpx.AsyncClient, problem: str) -> bool:
    try:
        answer = await http.get("/ready")
    except httpx.TransportError:
        return False
    return answer.status_code == 503 and problem in answer.text


async def _is_ready(http: httpx.AsyncClient) -> bool:
    return (await http.get("/ready")).is_success
