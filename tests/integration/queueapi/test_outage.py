from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from queuecore.embedded import EmbeddedValkey
from queuecore.testing.store import TestStore
from queuecore.testing.waiting import eventually
from tests.support.demo_task import DEMO_SCHEMA, DEMO_TASK
from tests.support.service_process import running

REQUESTS = [
    ("POST", "/api/v1/tasks", DEMO_TASK),
    # Waits behind the first.
    ("POST", "/api/v1/tasks", DEMO_TASK),
    ("POST", "/api/v1/tasks", {**DEMO_TASK, "type": "not.known.yet"}),
    ("POST", "/api/v1/tasks/batch", {"tasks": [DEMO_TASK, DEMO_TASK]}),
    ("GET", "/api/v1/tasks/x", None),
    ("POST", "/api/v1/tasks/x/cancel", None),
    ("POST", "/api/v1/tasks/x/run", None),
    ("DELETE", "/api/v1/tasks/x", None),
    ("GET", "/api/v1/queues/stats", None),
    ("GET", "/api/v1/types", None),
]


@pytest.fixture
def own_valkey(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    with EmbeddedValkey(tmp_path / "valkey", append_only=True) as server:
        yield server
        server.resume()


@pytest.fixture
async def own_client(own_valkey: EmbeddedValkey, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    store = TestStore(own_valkey.url)
    await store.directory.register_types({"demo": DEMO_SCHEMA})
    await store.close()
    with running("queueapi", own_valkey.url, tmp_path / "api.log") as api:
        async with httpx.AsyncClient(base_url=api.url, timeout=10) as client:
            assert (await client.post("/api/v1/tasks", json=DEMO_TASK)).status_code == 201
            yield client


@pytest.mark.parametrize("outage", ["kill", "pause"])
async def test_requests_get_503_in_time_during_an_outage_and_succeed_after_it(
    own_valkey: EmbeddedValkey, own_client: httpx.AsyncClient, outage: str
) -> None:
    getattr(own_valkey, outage)()

    responses = await asyncio.gather(*(own_client.request(verb, path, json=body) for verb, path, body in REQUESTS))

    for response in responses:
        assert (response.status_code, response.json()["code"]) == (503, "STORE_UNAVAILABLE"), response.text
        assert int(response.headers["retry-after"]) > 0
        assert response.elapsed.total_seconds() < 2.5
    ready = await own_client.get("/ready")
    assert (ready.status_code, ready.json()) == (503, {"status": "error", "message": "redis connection failed"})
    alive = [(await own_client.get(path)).status_code for path in ("/health", "/live", "/ready/local")]
    assert alive == [200, 200, 200]
    metrics = {
        family.name: family for family in text_string_to_metric_families((await own_client.get("/metrics")).text)
    }
    assert [sample.value for sample in metrics["taskyard_store_ready"].samples] == [0]
    assert "taskyard_http_requests" in metrics

    own_valkey.resume() if outage == "pause" else own_valkey.start()

    async def is_ready() -> bool:
        return (await own_client.get("/ready")).status_code == 200

    await eventually(is_ready)
    assert (await own_client.post("/api/v1/tasks", json=DEMO_TASK)).status_code == 201


async def test_ready_says_why_when_the_store_may_lose_tasks(
    own_valkey: EmbeddedValkey, own_client: httpx.AsyncClient
) -> None:
    store = TestStore(own_valkey.url)
    await store.server.command("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    await store.close()

    response = await own_client.get("/ready")

    assert response.status_code == 503
    assert "noeviction" in response.json()["message"]


async def test_create_answers_503_when_the_store_is_full(
    own_valkey: EmbeddedValkey, own_client: httpx.AsyncClient
) -> None:
    store = TestStore(own_valkey.url)
    await store.server.command("CONFIG", "SET", "maxmemory", "1")

    response = await own_client.post("/api/v1/tasks", json=DEMO_TASK)

    await store.server.command("CONFIG", "SET", "maxmemory", "0")
    await store.close()
    assert (response.status_code, response.json()["code"]) == (503, "STORE_FULL")
    assert int(response.headers["retry-after"]) > 0
