from __future__ import annotations

import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from queuecore.domain.state import TaskState
from queuecore.domain.task import ArchiveReason, Outcome
from queuecore.store.scripts.keys import queue_keys
from queuecore.testing.store import TestStore
from queuecore.testing.waiting import eventually
from tests.integration.queueworker.conftest import StartService
from tests.integration.queueworker.expectations import order, outcomes, until_running, until_state, was_cancelled
from tests.integration.queueworker.fencing import CREATE_TABLE

pytestmark = pytest.mark.usefixtures("scheduler")

LEASE_MS = 1_000
ACTIVE = queue_keys("default").active


async def test_lease_is_renewed_while_its_task_runs(store: TestStore, start_worker: StartService, gate: Path) -> None:
    start_worker()
    task = order("waiting", until=gate)
    await store.enqueue(task)
    await until_running(store, task)
    first = float(await store.server.command("ZSCORE", ACTIVE, task.id))

    async def outlives_its_lease() -> bool:
        return float(await store.server.command("ZSCORE", ACTIVE, task.id)) > first + 2 * LEASE_MS

    await eventually(outlives_its_lease)
    gate.touch()  # noqa: ASYNC240
    assert outcomes(await until_state(store, task, TaskState.COMPLETED)) == [Outcome.COMPLETED]


async def test_running_task_is_stopped_when_the_message_of_its_cancel_was_lost(
    store: TestStore, start_worker: StartService, gate: Path
) -> None:
    start_worker()
    task = order("waiting", until=gate)
    await store.enqueue(task)
    await until_running(store, task)
    await store.server.command("HSET", f"taskyard:{{default}}:r:{task.id}", "cancel", 1)
    found = await until_state(store, task, TaskState.ARCHIVED)
    assert found.reason is ArchiveReason.CANCELLED
    assert was_cancelled(gate)


async def test_handler_is_stopped_and_not_settled_when_its_lease_is_lost(
    store: TestStore, start_worker: StartService, gate: Path
) -> None:
    worker = start_worker()
    task = order("waiting", until=gate)
    await store.enqueue(task)
    await until_running(store, task)
    await store.server.command("HINCRBY", f"taskyard:{{default}}:r:{task.id}", "token", 1)
    await eventually(lambda: was_cancelled(gate))
    assert await worker.metric("taskyard_worker_leases_lost_total") == 1
    assert not worker.logged("task_failed")


async def test_task_runs_elsewhere_when_its_worker_is_killed_and_is_poison_the_second_time(
    store: TestStore, start_worker: StartService, gate: Path
) -> None:
    first = start_worker()
    poison, other = order("waiting", until=gate), order("waiting", until=gate, queue="other")
    await store.enqueue(poison)
    await until_running(store, poison)
    second = start_worker(TASKYARD_WORKER_QUEUES="default,other")
    first.kill()
    await until_running(store, poison, attempt=2)
    await store.enqueue(other)
    await until_running(store, other)
    third = start_worker(TASKYARD_WORKER_QUEUES="default,other")
    second.kill()
    found = await until_state(store, poison, TaskState.ARCHIVED)
    assert found.reason is ArchiveReason.POISON
    assert outcomes(found) == [Outcome.LOST, Outcome.LOST]
    await until_running(store, other, attempt=2)
    gate.touch()  # noqa: ASYNC240
    assert outcomes(await until_state(store, other, TaskState.COMPLETED)) == [Outcome.LOST, Outcome.COMPLETED]
    assert not third.logged("task_failed")


@pytest.mark.parametrize("kind", ["fenced:thread", "fenced:process"])
async def test_write_of_the_older_run_is_refused_by_its_fence_when_two_runs_overlap(
    store: TestStore, start_worker: StartService, gate: Path, kind: str
) -> None:
    with closing(sqlite3.connect(f"{gate}.db")) as db:
        db.execute(CREATE_TABLE)
    frozen = start_worker()
    task = order(kind, until=gate)
    await store.enqueue(task)
    older = await until_running(store, task)
    frozen.send(signal.SIGSTOP)
    start_worker()
    newer = await until_running(store, task, attempt=2, before=[older])
    Path(f"{gate}.{newer}").touch()  # noqa: ASYNC240
    assert (await until_state(store, task, TaskState.COMPLETED)).result == b'"written"'

    Path(f"{gate}.{older}").touch()  # noqa: ASYNC240
    frozen.send(signal.SIGCONT)
    await eventually(Path(f"{gate}.{older}.refused").exists)
    with closing(sqlite3.connect(f"{gate}.db")) as db:
        assert db.execute("SELECT body FROM report").fetchall() == [(str(newer),)]
