"""The store answers, and refuses: it is full, only copies another server, or no longer takes the password."""

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
from tests.support.audit import audit
from tests.support.posting import Posting
from tests.support.service_process import ServiceProcess, plain_http
from tests.support.system import System, work

_NOBODY = (HOST, 1)
"""Where no server listens."""
_PASSWORD = "rotated"
_REFUSALS = 4
_RECOVERY_S = 5.0
"""The promise: all is well again so long after the refusals have ended."""


class Harm(NamedTuple):
    """What is done to the server, and undone."""

    begin: Sequence[Sequence[Argument]]
    end: Sequence[Sequence[Argument]]
    code: str
    """What callers are told."""
    problem: str
    """What ``/ready`` says; empty when it stays ready."""
    password: str | None = None
    """What the server asks for meanwhile."""


_HARMS = {
    "full": Harm([("CONFIG", "SET", "maxmemory", 1)], [("CONFIG", "SET", "maxmemory", 0)], "STORE_FULL", ""),
    "read-only": Harm(
        [("REPLICAOF", *_NOBODY)], [("REPLICAOF", "NO", "ONE")], "STORE_UNAVAILABLE", "read-only replica"
    ),
    "password": Harm(
        [("CONFIG", "SET", "requirepass", _PASSWORD), ("CLIENT", "KILL", "TYPE", "normal")],
        [("CONFIG", "SET", "requirepass", "")],
        "STORE_UNAVAILABLE",
        "TASKYARD_REDIS_PASSWORD",
        _PASSWORD,
    ),
}


@pytest.mark.parametrize("harm", _HARMS.values(), ids=_HARMS)
async def test_services_wait_and_recover_by_themselves_when_the_store_refuses(
    system: System, tmp_path: Path, harm: Harm
) -> None:
    gate = tmp_path / "gate"
    api, worker, _ = await asyncio.gather(
        system.start_api(), system.start_worker(TASKYARD_WORKER_LEASE="8s"), system.start_scheduler()
    )
    running = await system.enqueue(work("coroutine", until=str(gate)) for _ in range(10))
    await system.until_started(running)
    async with Posting(api.url, lambda: work("coroutine")) as posting, plain_http(api.url) as http:
        await eventually(lambda: posting.accepted)
        await _tell(system, harm.begin)
        await eventually(lambda: len(posting.refusals) >= _REFUSALS)
        gate.touch()
        await eventually(lambda: _ended(system) >= {task.id for task in running})
        assert (await http.get("/live")).status_code == (await http.get(f"{worker.url}/live")).status_code == 200
        if harm.problem:
            await eventually(lambda: _refuses(http, harm.problem))
        else:
            assert await _is_ready(http)
        await _tell(system, harm.end, harm.password)
        taken = len(posting.accepted)
        await eventually(lambda: len(posting.accepted) > taken, _RECOVERY_S)
        await system.until_started(posting.accepted[taken : taken + 1], _RECOVERY_S)
    tasks = [*running, *posting.accepted]
    await system.until_ended(len(tasks))
    await audit(system, tasks)
    assert {(answer.status, answer.code) for answer in posting.refusals} == {(503, harm.code)}
    assert all(int(answer.retry_after or 0) >= 1 for answer in posting.refusals)


@pytest.mark.parametrize("start", [System.start_unready_api, System.start_worker, System.start_scheduler])
async def test_service_says_what_is_wrong_and_goes_on_trying_when_it_starts_with_a_wrong_password(
    system: System, start: Callable[..., Awaitable[ServiceProcess]]
) -> None:
    await _tell(system, [("CONFIG", "SET", "requirepass", _PASSWORD)])
    service = await start(system, TASKYARD_REDIS_PASSWORD="wrong")
    async with plain_http(service.url) as http:
        await eventually(lambda: _refuses(http, "TASKYARD_REDIS_PASSWORD"))
        assert (await http.get("/live")).status_code == 200
    await _tell(system, [("CONFIG", "SET", "requirepass", "wrong")], _PASSWORD)
    async with plain_http(service.url) as http:
        await eventually(lambda: _is_ready(http), _RECOVERY_S)
    await _tell(system, [("CONFIG", "SET", "requirepass", "")], "wrong")


async def test_task_exists_once_when_the_reply_was_lost_and_the_client_posts_again_with_its_key(system: System) -> None:
    await system.start_worker()
    async with FaultyProxy(system.valkey.port) as proxy:
        api = await system.start_api(TASKYARD_REDIS_URL=proxy.url)
        async with plain_http(api.url) as http:
            body = {"type": "coroutine", "payload": {}}
            assert (await http.post("/api/v1/tasks", json=body)).status_code == 201
            # The client library tries once more by itself.
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


async def _tell(system: System, commands: Sequence[Sequence[Argument]], password: str | None = None) -> None:
    server = connect(RedisSettings(url=system.valkey.url, password=Secret(password) if password else None))
    for parts in commands:
        await server.command(*parts)
    await server.close()


def _ended(system: System) -> set[str]:
    return {entry.task_id for entry in system.journal.entries() if entry.event == "ended"}


async def _refuses(http: httpx.AsyncClient, problem: str) -> bool:
    try:
        answer = await http.get("/ready")
    except httpx.TransportError:
        return False
    return answer.status_code == 503 and problem in answer.text


async def _is_ready(http: httpx.AsyncClient) -> bool:
    return (await http.get("/ready")).is_success
