from __future__ import annotations

import asyncio
import itertools
import statistics
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from queuecore.domain.task import Outcome, Task
from queuecore.testing.builders import now_ms
from queuecore.testing.waiting import eventually
from tests.faults.services.refusing_listener import RefusingListener
from tests.support.http_producer import HttpProducer
from tests.support.invariants import assert_invariants
from tests.support.service_process import ServiceProcess, plain_http
from tests.support.system import QUEUE, System, work

_ANSWER_S = 2.0
"""Guaranteed time until a 503."""
_LATE_ANSWER_S = 3.0
"""The same with a margin for a loaded machine."""
_RECOVERY_S = 5.0
"""Guaranteed recovery time after an outage."""
_FROZEN_S = 10.0
_PROCESSES = 4
_CONNECTIONS_PER_PROCESS_AND_SECOND = 15.0
_CALLS_IN_FLIGHT = 10
"""Calls of a process that fail together at the start of an outage; each opens one more connection."""
_REFUSALS = 8
_GATED = 20
"""Tasks that run until their gate opens."""


class Services(NamedTuple):
    """All services of a running system."""

    system: System
    api: ServiceProcess
    workers: list[ServiceProcess]
    http: httpx.AsyncClient


@pytest.fixture
async def services(tmp_path: Path) -> AsyncIterator[Services]:
    async with System(tmp_path, appendfsync="always") as system:
        api, workers, _ = await asyncio.gather(
            system.start_api(), system.start_workers(2, TASKYARD_WORKER_LEASE="8s"), system.start_scheduler()
        )
        async with plain_http(api.url) as http:
            yield Services(system, api, workers, http)


async def test_services_wait_and_recover_when_the_store_is_frozen(services: Services, tmp_path: Path) -> None:
    system = services.system
    async with HttpProducer(services.api.url, _mixed_work()) as producer:
        running = await _begin_long_tasks(system, tmp_path / "gate")
        before = await _connections_received(system)
        system.valkey.pause()
        (tmp_path / "gate").touch()
        frozen_at_s = time.monotonic()
        await _check_during_outage(services, producer, running)
        await eventually(lambda: time.monotonic() - frozen_at_s > _FROZEN_S)
        outage_s = time.monotonic() - frozen_at_s
        system.valkey.resume()
        await _check_recovery(services, producer)
        opened = await _connections_received(system) - before
    await _check_end(system, producer, running)
    assert opened < _max_connections(outage_s)


async def test_services_wait_and_recover_when_the_store_is_killed(services: Services, tmp_path: Path) -> None:
    system = services.system
    async with HttpProducer(services.api.url, _mixed_work()) as producer:
        running = await _begin_long_tasks(system, tmp_path / "gate")
        system.valkey.kill()
        (tmp_path / "gate").touch()
        killed_at_s = time.monotonic()
        async with RefusingListener(system.valkey.port) as listener:
            await _check_during_outage(services, producer, running)
            outage_s = time.monotonic() - killed_at_s
        system.valkey.start()
        await _check_recovery(services, producer)
    await _check_end(system, producer, running)
    assert listener.connections < _max_connections(outage_s)


async def test_no_attempt_is_lost_when_lease_calls_meet_a_frozen_store(system: System, tmp_path: Path) -> None:
    await system.start_scheduler()
    workers = await system.start_workers(2, TASKYARD_WORKER_LEASE="60s", TASKYARD_WORKER_SLOTS=str(_GATED // 2))
    gated = await _begin_long_tasks(system, tmp_path / "gate")
    waiting = await system.enqueue(work("coroutine") for _ in range(200))
    # All slots are busy, so no lease call is in flight: the store could grant it and freeze before the reply, and such
    # an attempt is lost. The calls after the opening of the gate meet a frozen store.
    system.valkey.pause()
    (tmp_path / "gate").touch()
    await eventually(lambda: all(len(worker.logged("lease_failed")) >= 2 for worker in workers))
    # After the freeze, the store processes calls whose callers have timed out.
    system.valkey.resume()
    tasks = [*gated, *waiting]
    await system.until_ended(len(tasks))

    assert {(await system.find(task)).attempt for task in tasks} == {1}
    await assert_invariants(system, tasks)


async def test_running_tasks_stay_with_their_workers_when_an_outage_exceeds_their_leases(
    system: System, tmp_path: Path
) -> None:
    scheduler = await system.start_scheduler()
    workers = await system.start_workers(2, TASKYARD_WORKER_LEASE="4500ms")
    tasks = await _begin_long_tasks(system, tmp_path / "gate")
    system.valkey.kill()
    async with RefusingListener(system.valkey.port):
        await eventually(lambda: any(len(worker.logged("renew_failed")) >= 4 for worker in workers))
    system.valkey.start()
    await eventually(lambda: _leases_hold(system, len(tasks)))
    (tmp_path / "gate").touch()
    await system.until_ended(len(tasks))

    assert scheduler.logged("task_reclaimed") == []
    assert len(system.executions.started()) == len(tasks)
    await assert_invariants(system, tasks)


def _mixed_work() -> Callable[[], Task]:
    kinds = itertools.cycle([("coroutine", 0), ("thread", 0), ("coroutine", 1)])

    def make() -> Task:
        kind, fail_times = next(kinds)
        return work(kind, fail_times=fail_times)

    return make


async def _begin_long_tasks(system: System, gate: Path) -> list[Task]:
    running = await system.enqueue(work("coroutine", until=str(gate)) for _ in range(_GATED))
    await system.until_started(running)
    return running


async def _check_during_outage(services: Services, producer: HttpProducer, running: list[Task]) -> None:
    """The API rejects tasks in time, is live and not ready; running handlers finish."""
    known = len(producer.rejections)
    await eventually(lambda: len(producer.rejections) >= known + _REFUSALS)
    assert (await services.http.get("/ready")).status_code == 503
    assert (await services.http.get("/live")).status_code == 200
    unknown = await services.http.post("/api/v1/tasks", json={"type": "unheard-of", "payload": {}})
    assert (unknown.status_code, unknown.json()["code"]) == (503, "STORE_UNAVAILABLE")
    assert unknown.elapsed.total_seconds() < _LATE_ANSWER_S
    async with plain_http() as http:
        await eventually(lambda: _all_have_status(http, services.workers, "/ready", 503))
        assert await _all_have_status(http, services.workers, "/live", 200)
    ended = {entry.task_id for entry in services.system.executions.entries() if entry.event == "ended"}
    assert {task.id for task in running} <= ended
    assert not any(service.ended for service in services.system.services)


async def _check_recovery(services: Services, producer: HttpProducer) -> None:
    back_at_s = time.monotonic()
    taken = len(producer.accepted)

    def left_s() -> float:
        return _RECOVERY_S - (time.monotonic() - back_at_s)

    await eventually(lambda: _is_ready(services.http), left_s())
    await eventually(lambda: len(producer.accepted) > taken, left_s())
    await services.system.until_started(producer.accepted[taken : taken + 1], left_s())
    async with plain_http() as http:
        await eventually(lambda: _all_have_status(http, services.workers, "/ready", 200), left_s())


async def _check_end(system: System, producer: HttpProducer, running: list[Task]) -> None:
    """All accepted tasks are completed, and those that ran during the outage with their first attempt."""
    tasks = [*running, *producer.accepted]
    await system.until_ended(len(tasks))
    for task in running:
        assert [attempt.outcome for attempt in (await system.find(task)).attempts] == [Outcome.COMPLETED]
    await assert_invariants(system, tasks)
    assert {(answer.status, answer.code) for answer in producer.rejections} == {(503, "STORE_UNAVAILABLE")}
    assert all(int(answer.retry_after or 0) >= 1 for answer in producer.rejections)
    assert producer.disconnects == 0
    took_s = [answer.took_s for answer in producer.rejections]
    assert statistics.median(took_s) < _ANSWER_S
    assert max(took_s) < _LATE_ANSWER_S


def _max_connections(outage_s: float) -> float:
    """The bound of attempts in an outage: the pace of each process, and the calls in flight when it begins."""
    return _PROCESSES * (_CALLS_IN_FLIGHT + outage_s * _CONNECTIONS_PER_PROCESS_AND_SECOND)


async def _connections_received(system: System) -> int:
    return int((await system.store.server.client.info("stats"))["total_connections_received"])


async def _leases_hold(system: System, number: int) -> bool:
    return bool(await system.store.server.command("ZCOUNT", f"taskyard:{{{QUEUE}}}:active", now_ms(), "+inf") == number)


async def _is_ready(http: httpx.AsyncClient) -> bool:
    return (await http.get("/ready")).is_success


async def _all_have_status(http: httpx.AsyncClient, services: list[ServiceProcess], path: str, status: int) -> bool:
    answers = [await http.get(f"{service.url}{path}") for service in services]
    return {answer.status_code for answer in answers} == {status}
