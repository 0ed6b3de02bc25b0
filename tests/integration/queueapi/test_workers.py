from __future__ import annotations

import httpx

from queuecore.store.queues.directory import WorkerStatus
from queuecore.testing.store import TestStore

STATUS = WorkerStatus(
    worker="pod-a:1", pod="pod-a", queues=["default"], types=["demo"], slots=10, busy=3, started_at_ms=1_800_000_000_000
)


async def test_workers_are_listed_with_their_load_when_registered(client: httpx.AsyncClient, store: TestStore) -> None:
    await store.directory.beat(STATUS, ttl_ms=60_000)

    answer = await client.get("/api/v1/workers")

    assert answer.status_code == 200
    assert answer.json() == [
        {
            "worker": "pod-a:1",
            "pod": "pod-a",
            "queues": ["default"],
            "types": ["demo"],
            "slots": 10,
            "busy": 3,
            "draining": False,
            "started_at": "2027-01-15T08:00:00Z",
        }
    ]


async def test_workers_are_none_when_they_have_deregistered(client: httpx.AsyncClient, store: TestStore) -> None:
    await store.directory.beat(STATUS, ttl_ms=60_000)
    await store.directory.forget_worker(STATUS.worker)

    assert (await client.get("/api/v1/workers")).json() == []
