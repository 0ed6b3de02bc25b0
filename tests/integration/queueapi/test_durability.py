from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from queuecore.embedded import EmbeddedValkey
from queuecore.settings.loader import EXIT_CODE
from queuecore.testing.replica_set import ReplicaSet
from queuecore.testing.sentinel import command
from queuecore.testing.store import TestStore
from queuecore.testing.waiting import eventually
from tests.support.demo_task import DEMO_SCHEMA, DEMO_TASK
from tests.support.service_process import ServiceProcess, plain_http, running, start

LIMITS = "/api/v1/queues/quick/limits"


async def test_api_does_not_start_when_the_store_cannot_provide_the_durability(
    valkey: EmbeddedValkey, tmp_path: Path
) -> None:
    problems = {
        "fsync": "has appendonly no, and needs appendonly yes",
        "replicas:1": "has 0 connected replicas, and needs 1",
    }
    services = {
        level: start("queueapi", valkey.url, tmp_path / level, TASKYARD_API_DURABILITY=level) for level in problems
    }
    for level, service in services.items():
        assert await service.wait() == EXIT_CODE
        expected = f"TASKYARD_API_DURABILITY: {level} cannot be provided: 127.0.0.1:{valkey.port} {problems[level]}"
        assert expected in service.log


async def test_durability_of_a_queue_is_refused_when_the_store_cannot_provide_it(
    client: httpx.AsyncClient, store: TestStore
) -> None:
    for durability in ("fsync", "replicas:2"):
        answer = await client.put(LIMITS, json={"max_depth": 1, "durability": durability})
        assert (answer.status_code, answer.json()["code"]) == (409, "DURABILITY_UNAVAILABLE")
        assert answer.json()["error"].startswith(f"{durability} cannot be provided: ")
    (stats,) = await store.queues.stats(["quick"])
    assert stats.limits.max_depth is None


@pytest.fixture
def replica_set(tmp_path: Path) -> Iterator[ReplicaSet]:
    started = ReplicaSet(tmp_path / "servers")
    try:
        asyncio.run(started.start())
        yield started
    finally:
        started.stop()


@pytest.fixture
async def strict_api(replica_set: ReplicaSet, tmp_path: Path) -> AsyncIterator[ServiceProcess]:
    """An API whose tasks need one replica."""
    store = TestStore(replica_set.primary.url, patient=True)
    await store.directory.register_types({"demo": DEMO_SCHEMA})
    await store.close()
    url = replica_set.primary.url
    with running("queueapi", url, tmp_path / "api.log", TASKYARD_API_DURABILITY="replicas:1") as started:
        yield started


async def test_tasks_get_503_while_the_replica_hangs_and_the_same_request_is_accepted_after_it(
    replica_set: ReplicaSet, strict_api: ServiceProcess
) -> None:
    (replica,) = replica_set.replicas
    headers = {"Idempotency-Key": "order-17"}
    async with plain_http(strict_api.url) as client:
        assert (await client.put(LIMITS, json={"durability": "memory"})).json()["durability"] == "memory"
        assert (await client.post("/api/v1/tasks", json=DEMO_TASK)).status_code == 201
        replica.pause()
        quick = {**DEMO_TASK, "queue": "quick"}
        single, batch, other = await asyncio.gather(
            client.post("/api/v1/tasks", json=DEMO_TASK, headers=headers),
            client.post("/api/v1/tasks/batch", json={"tasks": [DEMO_TASK, quick]}),
            client.post("/api/v1/tasks", json=quick),
        )
        assert (single.status_code, single.json()["code"]) == (503, "NOT_DURABLE")
        assert single.json()["error"] == (
            "the task may or may not survive a failover: 0 of 1 replicas acknowledged it within 800 ms; "
            "the same request with the same Idempotency-Key may be repeated"
        )
        assert int(single.headers["Retry-After"]) >= 1
        assert batch.status_code == 200
        assert [each.get("code") for each in batch.json()["results"]] == ["NOT_DURABLE", None]
        assert other.status_code == 201
        assert await strict_api.metric('taskyard_enqueues_not_durable_total{queue="default"}') == 2
        assert await strict_api.metric("taskyard_replication_wait_seconds_count") >= 3
        replica.resume()
        again = await client.post("/api/v1/tasks", json=DEMO_TASK, headers=headers)
        assert (again.status_code, again.headers["Idempotency-Replayed"]) == (201, "true")
        assert await command(replica, "EXISTS", f"taskyard:{{default}}:t:{again.json()['task_id']}") == 1
        replica.kill()
        not_ready = await eventually(lambda: _not_ready(client))
        assert not_ready is not None
        assert "has 0 connected replicas, and needs 1" in not_ready
        assert (await client.get("/ready/local")).status_code == 200


async def _not_ready(client: httpx.AsyncClient) -> str | None:
    answer = await client.get("/ready")
    return None if answer.is_success else str(answer.json()["message"])
