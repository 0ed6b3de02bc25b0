from __future__ import annotations

import asyncio

import httpx
import pytest

from queuecore.domain.state import TaskState
from queuecore.domain.timestamp import parse_rfc3339
from queuecore.store.attempts.settlement import Failure, Success
from queuecore.store.scripts.keys import QUEUES
from queuecore.testing.builders import make_task, now_ms
from queuecore.testing.store import TestStore
from queuecore.testing.waiting import eventually
from tests.support.demo_task import DEMO_TASK

CONTRACT_FIELDS = ["id", "queue", "type", "state", "max_retry", "retried", "last_err", "next_process_at"]
FUTURE = "9999-01-01T00:00:00Z"
TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


async def test_create_enqueues_a_task_as_the_contract_specifies(client: httpx.AsyncClient, store: TestStore) -> None:
    body = {**DEMO_TASK, "queue": "mail", "max_retries": 3, "timeout": "30s", "metadata": {"user_id": "123"}}

    response = await client.post("/api/v1/tasks", json=body, headers={"traceparent": TRACEPARENT})

    created = response.json()
    assert response.status_code == 201
    assert created == {"task_id": created["task_id"], "queue": "mail", "status": "pending"}
    snapshot = await store.reader.find(created["task_id"], ["mail"])
    assert snapshot is not None
    task = snapshot.task
    assert (task.type, task.payload, task.max_retries) == ("demo", b'{"message":"hi","count":1}', 3)
    assert (task.timeout_ms, task.metadata, task.traceparent) == (30_000, {"user_id": "123"}, TRACEPARENT)


@pytest.mark.parametrize(
    ("moment", "status"),
    [("1999-01-01T00:00:00Z", "pending"), (FUTURE, "scheduled"), ("9999-12-31T23:59:59Z", "scheduled")],
)
async def test_create_schedules_only_when_process_at_lies_ahead(
    client: httpx.AsyncClient, moment: str, status: str
) -> None:
    response = await client.post("/api/v1/tasks", json={**DEMO_TASK, "process_at": moment})

    assert (response.status_code, response.json()["status"]) == (201, status)


async def test_create_answers_409_with_the_holder_when_an_equal_task_holds_the_lock(client: httpx.AsyncClient) -> None:
    first = await client.post("/api/v1/tasks", json={**DEMO_TASK, "unique": "1h"})

    second = await client.post("/api/v1/tasks", json={**DEMO_TASK, "unique": "1h"})

    assert (second.status_code, second.json()["code"]) == (409, "DUPLICATE_TASK")
    assert second.json()["details"] == {"task_id": first.json()["task_id"]}


async def test_create_accepts_one_when_many_have_the_same_id_at_once(client: httpx.AsyncClient) -> None:
    responses = await asyncio.gather(
        *(client.post("/api/v1/tasks", json={**DEMO_TASK, "task_id": "order:7"}) for _ in range(20))
    )

    assert sorted(response.status_code for response in responses) == [201] + [409] * 19
    refused = next(response for response in responses if response.status_code == 409)
    assert refused.json()["details"] == {"task_id": "order:7"}


async def test_create_accepts_one_when_many_equal_tasks_arrive_at_once(client: httpx.AsyncClient) -> None:
    body = {**DEMO_TASK, "unique": "1h", "unique_key": "k"}

    responses = await asyncio.gather(*(client.post("/api/v1/tasks", json=body) for _ in range(20)))

    assert sorted(response.status_code for response in responses) == [201] + [409] * 19


async def test_get_shows_the_contracts_fields_first_when_pending(client: httpx.AsyncClient, store: TestStore) -> None:
    task = make_task(queue="mail", max_retries=3)
    await store.enqueue(task)

    response = await client.get(f"/api/v1/tasks/{task.id}", params={"queue": "mail"})

    body = response.json()
    assert response.status_code == 200
    assert list(body)[:8] == CONTRACT_FIELDS
    assert [body[name] for name in CONTRACT_FIELDS[:7]] == [task.id, "mail", "demo", "pending", 3, 0, ""]
    assert abs(parse_rfc3339(body["next_process_at"]) - now_ms()) < 60_000
    assert (body["payload"], body["attempts"], body["result"]) == ({"message": "hi", "count": 1}, [], None)


async def test_get_shows_when_a_scheduled_task_is_due(client: httpx.AsyncClient) -> None:
    created = await client.post("/api/v1/tasks", json={**DEMO_TASK, "process_at": FUTURE})

    body = (await client.get(f"/api/v1/tasks/{created.json()['task_id']}")).json()

    assert (body["state"], body["next_process_at"]) == ("scheduled", FUTURE)


async def test_get_shows_the_attempt_when_active(client: httpx.AsyncClient, store: TestStore) -> None:
    task = make_task()
    await store.enqueue(task)
    lease = await store.worker().lease_one(task)

    body = (await client.get(f"/api/v1/tasks/{task.id}")).json()

    assert (body["state"], body["attempt"]) == ("active", 1)
    assert body["next_process_at"] == body["attempts"][0]["started_at"]
    assert (body["attempts"][0]["worker"], body["attempts"][0]["outcome"]) == ("worker-1", None)
    assert lease.task.id == task.id


async def test_get_shows_the_error_when_in_retry(client: httpx.AsyncClient, store: TestStore) -> None:
    task = make_task()
    await store.enqueue(task)
    worker = store.worker()
    await worker.settlements.fail([Failure(await worker.lease_one(task), 5, "boom", retry_in_ms=60_000)])

    body = (await client.get(f"/api/v1/tasks/{task.id}")).json()

    assert (body["state"], body["retried"], body["last_err"]) == ("retry", 1, "boom")
    assert parse_rfc3339(body["next_process_at"]) > now_ms()


async def test_get_shows_the_result_when_completed(client: httpx.AsyncClient, store: TestStore) -> None:
    task = make_task()
    await store.enqueue(task)
    worker = store.worker()
    await worker.settlements.complete([Success(await worker.lease_one(task), 5, b'{"done":true}')])

    body = (await client.get(f"/api/v1/tasks/{task.id}")).json()

    assert (body["state"], body["result"]) == ("completed", {"done": True})
    assert body["next_process_at"] == body["attempts"][0]["started_at"]


@pytest.mark.parametrize("verb", ["get", "cancel", "run", "delete"])
async def test_a_task_is_found_in_another_queue_when_none_is_named(
    client: httpx.AsyncClient, store: TestStore, verb: str
) -> None:
    task = make_task(queue="elsewhere")
    await store.enqueue(task)
    method = {"get": "GET", "delete": "DELETE"}.get(verb, "POST")
    path = f"/api/v1/tasks/{task.id}" + (f"/{verb}" if method == "POST" else "")

    assert (await client.request(method, path)).status_code == 200


async def test_the_default_queue_comes_first_when_two_queues_have_the_id(
    client: httpx.AsyncClient, store: TestStore
) -> None:
    await store.enqueue(make_task(id="same", queue="a"), make_task(id="same"))

    assert (await client.get("/api/v1/tasks/same")).json()["queue"] == "default"


async def test_cancel_archives_a_task_that_waits_and_refuses_one_that_has_ended(
    client: httpx.AsyncClient, store: TestStore
) -> None:
    task = make_task()
    await store.enqueue(task)

    first = await client.post(f"/api/v1/tasks/{task.id}/cancel")
    second = await client.post(f"/api/v1/tasks/{task.id}/cancel")

    assert (first.status_code, first.json()) == (200, {"message": "task cancelled"})
    assert (second.status_code, second.json()["code"]) == (409, "TASK_NOT_CANCELLABLE")
    assert await store.state(task) is TaskState.ARCHIVED
    assert (await client.get(f"/api/v1/tasks/{task.id}")).json()["reason"] == "cancelled"


async def test_active_task_accepts_cancel_but_neither_delete_nor_run(
    client: httpx.AsyncClient, store: TestStore
) -> None:
    task = make_task()
    await store.enqueue(task)
    await store.worker().lease_one(task)

    cancelled = await client.post(f"/api/v1/tasks/{task.id}/cancel")
    deleted = await client.delete(f"/api/v1/tasks/{task.id}")
    run = await client.post(f"/api/v1/tasks/{task.id}/run")

    assert (cancelled.status_code, cancelled.json()) == (202, {"message": "task cancellation requested"})
    assert [(answer.status_code, answer.json()["code"]) for answer in (deleted, run)] == [(409, "TASK_ACTIVE")] * 2
    assert (await client.get(f"/api/v1/tasks/{task.id}")).json()["cancel_requested"] is True


async def test_delete_removes_a_task(client: httpx.AsyncClient) -> None:
    created = (await client.post("/api/v1/tasks", json={**DEMO_TASK, "unique": "1h"})).json()

    deleted = await client.delete(f"/api/v1/tasks/{created['task_id']}", params={"queue": "default"})

    assert (deleted.status_code, deleted.json()) == (200, {"message": "task deleted"})
    assert (await client.delete(f"/api/v1/tasks/{created['task_id']}")).status_code == 404
    assert (await client.post("/api/v1/tasks", json={**DEMO_TASK, "unique": "1h"})).status_code == 201


async def test_run_makes_a_scheduled_task_pending(client: httpx.AsyncClient) -> None:
    created = (await client.post("/api/v1/tasks", json={**DEMO_TASK, "process_at": FUTURE})).json()

    response = await client.post(f"/api/v1/tasks/{created['task_id']}/run")

    assert response.status_code == 200
    assert (await client.get(f"/api/v1/tasks/{created['task_id']}")).json()["state"] == "pending"


async def test_run_answers_409_with_the_holder_when_an_equal_task_has_taken_the_lock(client: httpx.AsyncClient) -> None:
    unique = {**DEMO_TASK, "unique": "1h"}
    first = (await client.post("/api/v1/tasks", json=unique)).json()["task_id"]
    await client.post(f"/api/v1/tasks/{first}/cancel")
    second = (await client.post("/api/v1/tasks", json=unique)).json()["task_id"]

    refused = await client.post(f"/api/v1/tasks/{first}/run")

    assert refused.status_code == 409
    body = refused.json()
    assert (body["code"], body["details"]) == ("DUPLICATE_TASK", {"task_id": second})
    await client.delete(f"/api/v1/tasks/{second}")
    assert (await client.post(f"/api/v1/tasks/{first}/run")).status_code == 200
    assert (await client.post("/api/v1/tasks", json=unique)).status_code == 409


async def test_stats_count_all_queues_or_one(client: httpx.AsyncClient, store: TestStore) -> None:
    assert (await client.get("/api/v1/queues/stats")).json() == []
    await store.enqueue(make_task(queue="a"), make_task(queue="b"), make_task(queue="b"))
    empty = {"active": 0, "scheduled": 0, "retry": 0, "archived": 0, "completed": 0}

    everything = await client.get("/api/v1/queues/stats")
    one = await client.get("/api/v1/queues/stats", params={"queue": "b"})

    assert everything.json() == [{"queue": "a", "pending": 1, **empty}, {"queue": "b", "pending": 2, **empty}]
    assert one.json() == [{"queue": "b", "pending": 2, **empty}]


async def test_queue_in_use_is_listed_again_when_the_store_has_lost_its_registration(
    client: httpx.AsyncClient, store: TestStore
) -> None:
    await client.post("/api/v1/tasks", json={"type": "free", "payload": {}, "queue": "lost"})
    await store.server.command("DEL", QUEUES)

    async def is_listed() -> bool:
        return "lost" in await store.queues.names()

    await eventually(is_listed)


async def test_types_are_listed_with_their_schemas(client: httpx.AsyncClient) -> None:
    listed = (await client.get("/api/v1/types")).json()

    assert [each["type"] for each in listed] == ["demo", "free"]
    assert (listed[0]["schema"]["type"], listed[1]["schema"]) == ("object", None)


async def test_type_is_accepted_at_once_when_it_was_just_registered(
    client: httpx.AsyncClient, store: TestStore
) -> None:
    assert (await client.post("/api/v1/tasks", json={"type": "late", "payload": {}})).status_code == 400
    await store.directory.register_types({"late": b"null"})

    assert (await client.post("/api/v1/tasks", json={"type": "late", "payload": {}})).status_code == 201
