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
from tests.faults.services.audit import audit
from tests.faults.services.closed_door import ClosedDoor
from tests.faults.services.posting import Posting
from tests.faults.services.service_process import ServiceProcess, plain_http
from tests.faults.services.yard import QUEUE, Yard, work

_ANSWER_S = 2.0
"""The promise: a 503 comes within so long."""
_LATE_ANSWER_S = 3.0
"""What a busy machine may make of it."""
_RECOVERY_S = 5.0
"""The promise: all is well again so long after the return."""
_FROZEN_S = 10.0
_PROCESSES = 4
_CONNECTIONS_PER_PROCESS_AND_SECOND = 15.0
_REFUSALS = 8


class Town(NamedTuple):
    """All services, at work."""

    yard: Yard
    api: ServiceProcess
    workers: list[ServiceProcess]
    http: httpx.AsyncClient


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Town]:
    async with Yard(tmp_path, appendfsync="always") as yard:
        api, workers, _ = await asyncio.gather(
            yard.start_api(), yard.start_workers(2, TASKYARD_WORKER_LEASE="8s"), yard.start_scheduler()
        )
        async with plain_http(api.url) as http:
            yield Town(yard, api, workers, http)


async def test_services_wait_and_recover_by_themselves_when_the_store_is_frozen(town: Town, tmp_path: Path) -> None:
    yard = town.yard
    async with Posting(town.api.url, _mixed_work()) as posting:
        running = await _begin_long_tasks(yard, tmp_path / "gate")
        before = await _connections_received(yard)
        yard.valkey.pause()
        (tmp_path / "gate").touch()
        frozen_at_s = time.monotonic()
        await _check_while_away(town, posting, running)
        await eventually(lambda: time.monotonic() - frozen_at_s > _FROZEN_S)
        away_s = time.monotonic() - frozen_at_s
        yard.valkey.resume()
        await _check_recovery(town, posting)
        opened = await _connections_received(yard) - before
    await _check_end(yard, posting, running)
    assert opened / away_s < _PROCESSES * _CONNECTIONS_PER_PROCESS_AND_SECOND


async def test_services_wait_and_recover_by_themselves_when_the_store_is_killed(town: Town, tmp_path: Path) -> None:
    yard = town.yard
    async with Posting(town.api.url, _mixed_work()) as posting:
        running = await _begin_long_tasks(yard, tmp_path / "gate")
        yard.valkey.kill()
        (tmp_path / "gate").touch()
        killed_at_s = time.monotonic()
        async with ClosedDoor(yard.valkey.port) as door:
            await _check_while_away(town, posting, running)
            away_s = time.monotonic() - killed_at_s
        yard.valkey.start()
        await _check_recovery(town, posting)
    await _check_end(yard, posting, running)
    assert door.knocks / away_s < _PROCESSES * _CONNECTIONS_PER_PROCESS_AND_SECOND


async def test_no_attempt_is_lost_when_lease_calls_come_to_a_frozen_store(yard: Yard) -> None:
    await yard.start_scheduler()
    workers = await yard.start_workers(2, TASKYARD_WORKER_LEASE="60s", TASKYARD_WORKER_SLOTS="20")
    tasks = await yard.enqueue(work("coroutine", seconds=0.05) for _ in range(2_000))
    await yard.until_ended(200)
    # When it goes on, the store finds calls whose callers have given up.
    yard.valkey.pause()
    await eventually(lambda: all(len(worker.said("lease_failed")) >= 2 for worker in workers))
    yard.valkey.resume()
    await yard.until_ended(len(tasks))

    assert {(await yard.find(task)).attempt for task in tasks} == {1}
    await audit(yard, tasks)


async def test_running_tasks_stay_with_their_workers_when_the_store_was_away_longer_than_their_leases(
    yard: Yard, tmp_path: Path
) -> None:
    scheduler = await yard.start_scheduler()
    workers = await yard.start_workers(2, TASKYARD_WORKER_LEASE="4500ms")
    tasks = await _begin_long_tasks(yard, tmp_path / "gate")
    yard.valkey.kill()
    async with ClosedDoor(yard.valkey.port):
        await eventually(lambda: any(len(worker.said("renew_failed")) >= 4 for worker in workers))
    yard.valkey.start()
    await eventually(lambda: _leases_hold(yard, len(tasks)))
    (tmp_path / "gate").touch()
    await yard.until_ended(len(tasks))

    assert scheduler.said("task_reclaimed") == []
    assert len(yard.journal.started()) == len(tasks)
    await audit(yard, tasks)


def _mixed_work() -> Callable[[], Task]:
    kinds = itertools.cycle([("coroutine", 0), ("thread", 0), ("coroutine", 1)])

    def make() -> Task:
        kind, fail_times = next(kinds)
        return work(kind, fail_times=fail_times)

    return make


async def _begin_long_tasks(yard: Yard, gate: Path) -> list[Task]:
    running = await yard.enqueue(work("coroutine", until=str(gate)) for _ in range(20))
    await yard.until_started(running)
    return running


async def _check_while_away(town: Town, posting: Posting, running: list[Task]) -> None:
    """The api refuses and says so in time; it is alive and not ready; handlers go on and come to their end."""
    known = len(posting.refusals)
    await eventually(lambda: len(posting.refusals) >= known + _REFUSALS)
    assert (await town.http.get("/ready")).status_code == 503
    assert (await town.http.get("/live")).status_code == 200
    unknown = await town.http.post("/api/v1/tasks", json={"type": "unheard-of", "payload": {}})
    assert (unknown.status_code, unknown.json()["code"]) == (503, "STORE_UNAVAILABLE")
    assert unknown.elapsed.total_seconds() < _LATE_ANSWER_S
    async with plain_http() as http:
        await eventually(lambda: _all_have_status(http, town.workers, "/ready", 503))
        assert await _all_have_status(http, town.workers, "/live", 200)
    ended = {entry.task_id for entry in town.yard.journal.entries() if entry.event == "ended"}
    assert {task.id for task in running} <= ended
    assert not any(service.ended for service in town.yard.services)


async def _check_recovery(town: Town, posting: Posting) -> None:
    back_at_s = time.monotonic()
    taken = len(posting.accepted)

    def left_s() -> float:
        return _RECOVERY_S - (time.monotonic() - back_at_s)

    await eventually(lambda: _is_ready(town.http), left_s())
    await eventually(lambda: len(posting.accepted) > taken, left_s())
    await town.yard.until_started(posting.accepted[taken : taken + 1], left_s())
    async with plain_http() as http:
        await eventually(lambda: _all_have_status(http, town.workers, "/ready", 200), left_s())


async def _check_end(yard: Yard, posting: Posting, running: list[Task]) -> None:
    """What was taken is there and done; what ran when the store went away counts, as the first and only attempt."""
    tasks = [*running, *posting.accepted]
    await yard.until_ended(len(tasks))
    for task in running:
        assert [attempt.outcome for attempt in (await yard.find(task)).attempts] == [Outcome.COMPLETED]
    await audit(yard, tasks)
    assert {(answer.status, answer.code) for answer in posting.refusals} == {(503, "STORE_UNAVAILABLE")}
    assert all(int(answer.retry_after or 0) >= 1 for answer in posting.refusals)
    assert posting.broken == 0
    took_s = [answer.took_s for answer in posting.refusals]
    assert statistics.median(took_s) < _ANSWER_S
    assert max(took_s) < _LATE_ANSWER_S


async def _connections_received(yard: Yard) -> int:
    return int((await yard.store.server.client.info("stats"))["total_connections_received"])


async def _leases_hold(yard: Yard, number: int) -> bool:
    return bool(await yard.store.server.command("ZCOUNT", f"taskyard:{{{QUEUE}}}:active", now_ms(), "+inf") == number)


async def _is_ready(http: httpx.AsyncClient) -> bool:
    return (await http.get("/ready")).is_success


async def _all_have_status(http: httpx.AsyncClient, services: list[ServiceProcess], path: str, status: int) -> bool:
    answers = [await http.get(f"{service.url}{path}") for service in services]
    return {answer.status_code for answer in answers} == {status}
