from __future__ import annotations

import httpx

from queuecore.testing.store import TestStore
from tests.support.demo_task import DEMO_TASK


async def pending(store: TestStore) -> int:
    return int(await store.server.command("ZCARD", "taskyard:{default}:pending"))


async def test_batch_creates_a_thousand_tasks_in_order(client: httpx.AsyncClient, store: TestStore) -> None:
    tasks = [{**DEMO_TASK, "task_id": f"t-{number}"} for number in range(1_000)]

    body = (await client.post("/api/v1/tasks/batch", json={"tasks": tasks})).json()

    assert (body["created"], body["failed"]) == (1_000, 0)
    assert body["results"][7] == {"status_code": 201, "task_id": "t-7", "queue": "default", "status": "pending"}
    assert [result["task_id"] for result in body["results"]] == [task["task_id"] for task in tasks]
    first = await store.server.command("ZRANGE", "taskyard:{default}:pending", 0, 2)
    assert first == [b"t-0", b"t-1", b"t-2"]


async def test_batch_harms_no_other_when_one_task_is_bad(client: httpx.AsyncClient, store: TestStore) -> None:
    bad = [
        5,
        {"type": "demo"},
        {**DEMO_TASK, "timeout": "x"},
        {**DEMO_TASK, "type": "nobody"},
        {**DEMO_TASK, "unique": "1h"},
    ]
    tasks = [DEMO_TASK, *bad[:4], {**DEMO_TASK, "unique": "1h"}, bad[4], DEMO_TASK]

    response = await client.post("/api/v1/tasks/batch", json={"tasks": tasks})

    results = response.json()["results"]
    assert response.status_code == 200
    assert [result["status_code"] for result in results] == [201, 400, 400, 400, 400, 201, 409, 201]
    assert [result.get("code") for result in results[1:5]] == [
        "INVALID_REQUEST",
        "INVALID_REQUEST",
        "INVALID_TIMEOUT",
        "INVALID_TASK_TYPE",
    ]
    assert list(results[1]) == ["status_code", "error", "code", "details"]
    assert results[6]["details"] == {"task_id": results[5]["task_id"]}
    assert await pending(store) == 3


async def test_batch_is_replayed_when_sent_again_with_its_key(client: httpx.AsyncClient, store: TestStore) -> None:
    headers, body = {"Idempotency-Key": "batch-1"}, {"tasks": [DEMO_TASK, {"type": "demo"}, DEMO_TASK]}

    first = await client.post("/api/v1/tasks/batch", json=body, headers=headers)
    second = await client.post("/api/v1/tasks/batch", json=body, headers=headers)
    other = await client.post("/api/v1/tasks/batch", json={"tasks": [DEMO_TASK]}, headers=headers)

    ids = [[result.get("task_id") for result in answer.json()["results"]] for answer in (first, second)]
    assert ids[0] == ids[1]
    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true"
    assert (other.status_code, other.json()["code"]) == (422, "IDEMPOTENCY_MISMATCH")
    assert await pending(store) == 2


async def test_batch_tasks_may_have_keys_of_their_own(client: httpx.AsyncClient, store: TestStore) -> None:
    single = await client.post("/api/v1/tasks", json=DEMO_TASK, headers={"Idempotency-Key": "a"})
    changed = {**DEMO_TASK, "priority": 1}
    tasks = [
        {**DEMO_TASK, "idempotency_key": "a"},
        {**DEMO_TASK, "idempotency_key": "b"},
        {**DEMO_TASK, "idempotency_key": "b"},
        {**changed, "idempotency_key": "b"},
        {**changed, "idempotency_key": "a"},
        {**DEMO_TASK, "idempotency_key": ""},
    ]

    results = (await client.post("/api/v1/tasks/batch", json={"tasks": tasks})).json()["results"]

    assert [result["status_code"] for result in results] == [201, 201, 201, 422, 422, 400]
    assert (results[0]["task_id"], results[0]["replayed"]) == (single.json()["task_id"], True)
    assert results[1]["task_id"] == results[2]["task_id"]
    assert await pending(store) == 2


async def test_batch_asks_for_unknown_types_only_once(client: httpx.AsyncClient, store: TestStore) -> None:
    tasks = [{"type": f"unknown.{number}", "payload": {}} for number in range(100)]

    body = (await client.post("/api/v1/tasks/batch", json={"tasks": tasks})).json()

    assert (body["created"], body["failed"]) == (0, 100)
    assert await pending(store) == 0
