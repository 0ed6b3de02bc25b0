from __future__ import annotations

import asyncio

import httpx

from queuecore.store.tasks.idempotency import key_digest
from queuecore.testing.store import TestStore
from tests.support.demo_task import DEMO_TASK

KEY = {"Idempotency-Key": "order 7, first try"}


async def test_create_replays_the_first_answer_when_sent_again(client: httpx.AsyncClient) -> None:
    first = await client.post("/api/v1/tasks", json=DEMO_TASK, headers=KEY)
    await client.post(f"/api/v1/tasks/{first.json()['task_id']}/cancel")
    second = await client.post("/api/v1/tasks", json=dict(reversed(DEMO_TASK.items())), headers=KEY)

    assert (second.status_code, second.content) == (first.status_code, first.content)
    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true"


async def test_create_enqueues_once_when_many_come_with_one_key(client: httpx.AsyncClient, store: TestStore) -> None:
    responses = await asyncio.gather(*(client.post("/api/v1/tasks", json=DEMO_TASK, headers=KEY) for _ in range(20)))

    assert {response.status_code for response in responses} == {201}
    assert len({response.json()["task_id"] for response in responses}) == 1
    assert sum("idempotency-replayed" not in response.headers for response in responses) == 1
    assert await store.server.command("ZCARD", "taskyard:{default}:pending") == 1


async def test_create_answers_422_when_the_key_comes_with_another_body(
    client: httpx.AsyncClient, store: TestStore
) -> None:
    await client.post("/api/v1/tasks", json=DEMO_TASK, headers=KEY)

    response = await client.post("/api/v1/tasks", json={**DEMO_TASK, "priority": 9}, headers=KEY)

    assert (response.status_code, response.json()["code"]) == (422, "IDEMPOTENCY_MISMATCH")
    assert await store.server.command("ZCARD", "taskyard:{default}:pending") == 1


async def test_create_can_be_tried_again_with_its_key_when_it_was_refused(client: httpx.AsyncClient) -> None:
    assert (await client.post("/api/v1/tasks", json={"type": "demo"}, headers=KEY)).status_code == 400

    assert (await client.post("/api/v1/tasks", json=DEMO_TASK, headers=KEY)).status_code == 201


async def test_key_is_free_again_when_its_request_was_answered_409(client: httpx.AsyncClient) -> None:
    unique = {**DEMO_TASK, "unique": "1h"}
    await client.post("/api/v1/tasks", json=unique)
    for _ in range(2):
        assert (await client.post("/api/v1/tasks", json=unique, headers=KEY)).status_code == 409

    created = await client.post("/api/v1/tasks", json={**DEMO_TASK, "queue": "other"}, headers=KEY)

    assert created.status_code == 201
    assert (await client.post("/api/v1/tasks", json=unique, headers=KEY)).status_code == 422


async def test_key_is_free_again_when_its_whole_batch_was_refused(client: httpx.AsyncClient) -> None:
    unique = {**DEMO_TASK, "unique": "1h"}
    await client.post("/api/v1/tasks", json=unique)
    refused = await client.post("/api/v1/tasks/batch", json={"tasks": [unique, unique]}, headers=KEY)
    assert refused.json()["failed"] == 2

    other = {**unique, "payload": {"message": "other", "count": 1}}
    partly = await client.post("/api/v1/tasks/batch", json={"tasks": [unique, other]}, headers=KEY)
    assert (partly.status_code, partly.json()["failed"]) == (200, 1)
    assert (await client.post("/api/v1/tasks/batch", json={"tasks": [other]}, headers=KEY)).status_code == 422


async def test_key_stays_claimed_when_another_request_in_flight_shares_it(store: TestStore) -> None:
    digest = key_digest("shared")
    keys = store.idempotency
    assert await keys.claim({digest: "mine"}, "one") == set()
    assert await keys.claim({digest: "mine"}, "two") == set()
    for _ in range(2):
        await keys.give_back({digest: "mine"}, "one")
    assert await keys.claim({digest: "another"}, "three") == {digest}
    await keys.give_back({digest: "mine"}, "two")
    assert await keys.claim({digest: "another"}, "three") == set()
    await keys.give_back({digest: "mine"}, "one")
    assert await keys.claim({digest: "mine"}, "four") == {digest}
