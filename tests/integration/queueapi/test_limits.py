from __future__ import annotations

from typing import Any

import httpx
import pytest

from queuecore.store.queues.limits import QueueLimits
from queuecore.testing.keyspace import read_keyspace
from queuecore.testing.model import ANSWER_BYTES
from queuecore.testing.store import TestStore
from tests.support.demo_task import DEMO_TASK

LIMITS = "/api/v1/queues/default/limits"


async def test_full_queue_answers_429_and_keeps_nothing_of_the_task(
    client: httpx.AsyncClient, store: TestStore
) -> None:
    await store.queue_control.limit("default", QueueLimits(max_depth=1))
    first = await client.post("/api/v1/tasks", json=DEMO_TASK)
    assert first.status_code == 201
    before = await read_keyspace(store.server)
    refused = await client.post("/api/v1/tasks", json=DEMO_TASK)
    assert refused.status_code == 429
    body = refused.json()
    assert body["code"] == "QUEUE_FULL"
    assert body["details"].pop("retry_after_s") == int(refused.headers["Retry-After"]) >= 1
    assert body["details"] == {"queue": "default", "limit": "max_depth", "maximum": 1, "held": 1}
    assert await read_keyspace(store.server) == before


async def test_batch_refuses_only_the_tasks_that_exceed_the_limit(client: httpx.AsyncClient, store: TestStore) -> None:
    await store.queue_control.limit("default", QueueLimits(max_depth=1))
    answer = await client.post(
        "/api/v1/tasks/batch", json={"tasks": [DEMO_TASK, DEMO_TASK, {**DEMO_TASK, "queue": "other"}]}
    )
    assert [each["status_code"] for each in answer.json()["results"]] == [201, 429, 201]
    assert answer.json()["results"][1]["details"]["retry_after_s"] >= 1


async def test_idempotent_request_is_answered_as_before_when_the_queue_is_full(
    client: httpx.AsyncClient, store: TestStore
) -> None:
    await store.queue_control.limit("default", QueueLimits(max_depth=1))
    headers = {"Idempotency-Key": "once"}
    first = await client.post("/api/v1/tasks", json=DEMO_TASK, headers=headers)
    again = await client.post("/api/v1/tasks", json=DEMO_TASK, headers=headers)
    assert (again.status_code, again.json()) == (201, first.json())


async def test_task_larger_than_max_bytes_is_too_large(client: httpx.AsyncClient, store: TestStore) -> None:
    await store.queue_control.limit("default", QueueLimits(max_bytes=10))
    answer = await client.post("/api/v1/tasks", json=DEMO_TASK)
    assert (answer.status_code, answer.json()["code"]) == (413, "PAYLOAD_TOO_LARGE")


async def test_idempotency_keys_fill_a_queue_until_they_expire(client: httpx.AsyncClient, store: TestStore) -> None:
    await client.post("/api/v1/tasks", json={**DEMO_TASK, "unique": "1h"}, headers={"Idempotency-Key": "first"})
    used = (await client.get(LIMITS)).json()["bytes"]
    assert used > ANSWER_BYTES
    given_back = await client.post(
        "/api/v1/tasks", json={**DEMO_TASK, "unique": "1h"}, headers={"Idempotency-Key": "second"}
    )
    assert given_back.status_code == 409
    assert (await client.get(LIMITS)).json()["bytes"] == used

    await store.queue_control.limit("default", QueueLimits(max_bytes=used + ANSWER_BYTES))
    refused = await client.post("/api/v1/tasks", json=DEMO_TASK, headers={"Idempotency-Key": "third"})
    assert (refused.status_code, refused.json()["details"]["held"]) == (429, used)
    assert (await client.post("/api/v1/tasks", json=DEMO_TASK)).status_code == 201


@pytest.mark.usefixtures("store")
async def test_limits_are_set_shown_and_removed(client: httpx.AsyncClient) -> None:
    none = {
        "queue": "default",
        "max_depth": None,
        "max_bytes": None,
        "waiting": 0,
        "bytes": 0,
        "paused": False,
        "durability": "memory",
    }
    assert (await client.get(LIMITS)).json() == none
    limited = await client.put(LIMITS, json={"max_depth": 5})
    assert (limited.status_code, limited.json()) == (200, {**none, "max_depth": 5})
    replaced = await client.put(LIMITS, json={"max_bytes": 1_000})
    assert replaced.json() == {**none, "max_bytes": 1_000}
    await client.post("/api/v1/tasks", json=DEMO_TASK)
    used = (await client.get(LIMITS)).json()
    assert used["waiting"] == 1
    assert 0 < used.pop("bytes") < 1_000
    assert (await client.put(LIMITS, json={})).json()["max_bytes"] is None


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        (LIMITS, {"max_depth": -1}, "max_depth"),
        (LIMITS, {"max_depth": "many"}, "max_depth"),
        (LIMITS, {"max_bytes": 2**53}, "max_bytes"),
        (LIMITS, {"depth": 1}, "depth"),
        (LIMITS, {"max_depth": 1, "durability": "disk"}, "durability"),
        (LIMITS, {"max_depth": 1, "durability": 1}, "durability"),
        ("/api/v1/queues/my%20queue/limits", {"max_depth": 1}, "queue"),
    ],
    ids=["negative", "text", "beyond-doubles", "unknown", "no-level", "level-number", "bad-queue"],
)
async def test_wrong_limits_are_refused_and_change_nothing(
    client: httpx.AsyncClient, store: TestStore, path: str, body: dict[str, Any], field: str
) -> None:
    before = await read_keyspace(store.server)
    answer = await client.put(path, json=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_REQUEST")
    assert answer.json()["details"]["field"] == field
    assert await read_keyspace(store.server) == before


async def test_paused_queue_takes_tasks_and_hands_none_out(client: httpx.AsyncClient, store: TestStore) -> None:
    paused = await client.post("/api/v1/queues/default/pause")
    assert (paused.status_code, paused.json()) == (200, {"message": "queue paused"})
    task_id = (await client.post("/api/v1/tasks", json=DEMO_TASK)).json()["task_id"]
    assert await store.worker().lease() == []
    assert (await client.get(LIMITS)).json()["paused"] is True
    resumed = await client.post("/api/v1/queues/default/resume")
    assert (resumed.status_code, resumed.json()) == (200, {"message": "queue resumed"})
    assert [lease.task.id for lease in await store.worker().lease()] == [task_id]


async def test_pause_of_a_name_that_no_queue_can_have_is_refused(client: httpx.AsyncClient) -> None:
    answer = await client.post("/api/v1/queues/my%20queue/pause")
    assert (answer.status_code, answer.json()["details"]["field"]) == (400, "queue")


async def test_settings_of_a_queue_are_replaced_and_shown(client: httpx.AsyncClient) -> None:
    path = "/api/v1/queues/mail/settings"
    unset = {"queue": "mail", "archive_retention": None, "priority_ageing": None}
    assert (await client.get(path)).json() == unset
    put = await client.put(path, json={"archive_retention": "72h", "priority_ageing": "10m"})
    expected = {"queue": "mail", "archive_retention": "72h0m0s", "priority_ageing": "10m0s"}
    assert (put.status_code, put.json()) == (200, expected)
    assert (await client.get(path)).json() == expected
    assert (await client.put(path, json={})).json() == unset


@pytest.mark.parametrize("body", [{"archive_retention": "soon"}, {"priority_ageing": "-1s"}, {"retention": "1h"}, []])
async def test_settings_of_a_queue_are_refused_when_they_are_wrong(client: httpx.AsyncClient, body: object) -> None:
    response = await client.put("/api/v1/queues/mail/settings", json=body)
    assert (response.status_code, response.json()["code"]) == (400, "INVALID_REQUEST")


async def test_task_shows_its_own_retention_once_archived(client: httpx.AsyncClient) -> None:
    task = {"type": "demo", "payload": {"message": "m", "count": 1}}
    for own, shown in (({"archive_retention": "72h"}, "72h0m0s"), ({}, None)):
        task_id = (await client.post("/api/v1/tasks", json={**task, **own})).json()["task_id"]
        assert (await client.get(f"/api/v1/tasks/{task_id}")).json()["archive_retention"] == shown
    wrong = await client.post("/api/v1/tasks", json={**task, "archive_retention": "soon"})
    assert (wrong.status_code, wrong.json()["details"]["field"]) == (400, "archive_retention")
