from __future__ import annotations

from pathlib import Path

import pytest

from queuecore.domain.state import TaskState
from queuecore.domain.task import Outcome
from queuecore.embedded import EmbeddedValkey
from queuecore.testing.store import TestStore
from queuecore.testing.waiting import eventually
from tests.integration.queueworker.conftest import SHARED, StartService
from tests.integration.queueworker.expectations import is_alive, order, outcomes, until_running, until_state

KINDS = ["waiting", "waiting:thread", "waiting:process"]


async def test_drain_finishes_what_runs_and_leases_no_more(
    store: TestStore, start_worker: StartService, gate: Path
) -> None:
    worker = start_worker()
    running = [order(kind, until=gate) for kind in KINDS]
    await store.enqueue(*running)
    for task in running:
        await until_running(store, task)
    assert await worker.status("/ready") == 200

    worker.terminate()
    await eventually(lambda: worker.logged("drain_started"))
    later = order("async")
    await store.enqueue(later)
    assert await worker.status("/ready") == 503
    assert (await worker.get("/ready")).json()["message"] == "draining"
    assert await worker.status("/live") == 200
    gate.touch()  # noqa: ASYNC240

    assert await worker.wait() == 0
    for task in running:
        assert outcomes(await until_state(store, task, TaskState.COMPLETED)) == [Outcome.COMPLETED]
    assert await store.state(later) is TaskState.PENDING
    # The worker that tests share may be registered.
    assert [each for each in await store.directory.workers() if each.queues != [SHARED]] == []
    assert "Traceback" not in worker.log


@pytest.mark.parametrize("hurried", [False, True])
async def test_drain_releases_unfinished_tasks_at_no_cost(
    store: TestStore, start_worker: StartService, gate: Path, hurried: bool
) -> None:
    stopping = start_worker(TASKYARD_WORKER_DRAIN="1h" if hurried else "0s")
    kinds = KINDS[:1] if hurried else KINDS
    tasks = [order(kind, until=gate, max_retries=0) for kind in kinds]
    await store.enqueue(*tasks)
    pids = [await until_running(store, task) for task in tasks]
    other = start_worker()

    stopping.terminate()
    if hurried:
        await eventually(lambda: stopping.logged("drain_started"))
        stopping.terminate()
    assert await stopping.wait() == 0
    assert not any(is_alive(pid) for pid in pids)
    (ended,) = stopping.logged("drain_finished")
    assert (ended["released"], ended["unsettled"]) == (len(tasks), 0)

    for task in tasks:
        await until_running(store, task, attempt=1, before=pids)
    gate.touch()  # noqa: ASYNC240
    for task in tasks:
        found = await until_state(store, task, TaskState.COMPLETED)
        assert (outcomes(found), found.attempt) == ([Outcome.COMPLETED], 1)
    assert not other.logged("task_failed")


async def test_drain_ends_when_the_store_is_unreachable(
    lasting_valkey: EmbeddedValkey, start_worker: StartService, gate: Path
) -> None:
    lasting_valkey.start()
    worker = start_worker(lasting_valkey.url, TASKYARD_WORKER_DRAIN="0s")
    store = TestStore(lasting_valkey.url)
    task = order("waiting", until=gate)
    await store.enqueue(task)
    await until_running(store, task)
    await store.close()
    lasting_valkey.kill()

    worker.terminate()
    assert await worker.wait() == 0
    (ended,) = worker.logged("drain_finished")
    assert (ended["released"], ended["unsettled"]) == (0, 1)
