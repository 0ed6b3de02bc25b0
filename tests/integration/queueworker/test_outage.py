from __future__ import annotations

from pathlib import Path

from queuecore.domain.state import TaskState
from queuecore.domain.task import Outcome
from queuecore.embedded import EmbeddedValkey, find_free_port
from queuecore.testing.store import TestStore
from queuecore.testing.waiting import eventually
from tests.integration.queueworker.conftest import StartService
from tests.integration.queueworker.expectations import order, outcomes, until_running, until_state
from tests.support.service_process import ServiceProcess


async def is_ready(worker: ServiceProcess) -> bool:
    return await worker.status("/ready") == 200


async def is_not_ready(worker: ServiceProcess) -> bool:
    return await worker.status("/ready") == 503


async def test_worker_registers_when_the_store_becomes_reachable(tmp_path: Path, start_worker: StartService) -> None:
    server = EmbeddedValkey(tmp_path / "valkey", port=find_free_port())
    worker = start_worker(server.url)
    assert await is_not_ready(worker)
    assert "the store is unavailable" in (await worker.get("/ready")).json()["message"]
    assert await worker.status("/live") == 200
    with server:
        await eventually(lambda: is_ready(worker))
        store = TestStore(server.url)
        assert set(await store.directory.types()) >= {"async", "demo"}
        assert b'"properties"' in (await store.directory.types())["async"]
        assert await store.queues.names() == ["default"]
        task = order("async")
        await store.enqueue(task)
        await until_state(store, task, TaskState.COMPLETED)
        await store.close()
    assert "Traceback" not in worker.log


async def test_worker_settles_its_running_tasks_when_the_store_recovers(
    lasting_valkey: EmbeddedValkey, start_worker: StartService, gate: Path
) -> None:
    lasting_valkey.start()
    worker = start_worker(lasting_valkey.url, TASKYARD_WORKER_LEASE="30s")
    store = TestStore(lasting_valkey.url)
    running, pending = order("waiting", until=gate), order("async", queue="other")
    await store.enqueue(running, pending)
    await until_running(store, running)

    lasting_valkey.kill()
    gate.touch()  # noqa: ASYNC240
    await eventually(lambda: worker.logged("settle_failed"))
    await eventually(lambda: is_not_ready(worker), within_s=20)
    lasting_valkey.start()

    assert outcomes(await until_state(store, running, TaskState.COMPLETED)) == [Outcome.COMPLETED]
    await eventually(lambda: is_ready(worker))
    assert await store.state(pending) is TaskState.PENDING
    later = order("async")
    await store.enqueue(later)
    await until_state(store, later, TaskState.COMPLETED)
    assert await worker.metric("taskyard_worker_settle_retries_total") >= 1
    await store.close()
    assert "Traceback" not in worker.log
