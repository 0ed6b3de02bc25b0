"""Damaged keys of a task: reading it is a clear error, and it can be removed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import httpx
import pytest

from queuecore.domain.task import Task
from queuecore.store.scripts.keys import envelope_key, queue_keys
from queuecore.testing.builders import make_task
from queuecore.testing.store import TestStore

KEYS = queue_keys("other")
Damage = Callable[[TestStore, Task], Awaitable[object]]


async def garbage(store: TestStore, task: Task) -> None:
    await store.damage(task)


async def nothing(store: TestStore, task: Task) -> None:
    await store.damage(task, b"")


async def newer(store: TestStore, task: Task) -> None:
    await store.damage(task, b"\x095{}")


async def another_type(store: TestStore, task: Task) -> None:
    await store.damage(task, b"")
    await store.server.command("DEL", envelope_key(KEYS, task.id))
    await store.server.command("RPUSH", envelope_key(KEYS, task.id), "x")


@pytest.fixture(params=[garbage, nothing, newer, another_type])
async def damaged(store: TestStore, request: pytest.FixtureRequest) -> Task:
    task = make_task(queue="other")
    await store.enqueue(task)
    await request.param(store, task)
    return task


@pytest.mark.parametrize("query", ["", "?queue=other"])
async def test_get_answers_500_in_the_format_of_the_contract_when_the_task_is_damaged(
    client: httpx.AsyncClient, damaged: Task, query: str
) -> None:
    response = await client.get(f"/api/v1/tasks/{damaged.id}{query}")
    assert (response.status_code, response.json()["code"]) == (500, "INTERNAL_ERROR")
    assert response.json()["error"].startswith(f"the stored task cannot be read: task {damaged.id}: ")
    await client.delete(f"/api/v1/tasks/{damaged.id}")


@pytest.mark.parametrize("query", ["", "?queue=other"])
async def test_damaged_task_is_run_cancelled_and_deleted(
    client: httpx.AsyncClient, store: TestStore, damaged: Task, query: str
) -> None:
    path = f"/api/v1/tasks/{damaged.id}"
    for method, step in (("POST", "/run"), ("POST", "/cancel"), ("POST", "/run"), ("DELETE", "")):
        response = await client.request(method, f"{path}{step}{query}")
        assert response.status_code == 200, response.text
    assert (await client.get(path + query)).status_code == 404
    assert await store.server.command("EXISTS", envelope_key(KEYS, damaged.id)) == 0


@pytest.mark.parametrize("query", ["", "?queue=other"])
@pytest.mark.parametrize(("method", "step"), [("GET", ""), ("DELETE", ""), ("POST", "/cancel"), ("POST", "/run")])
async def test_id_that_is_no_text_is_unknown(client: httpx.AsyncClient, method: str, step: str, query: str) -> None:
    response = await client.request(method, f"/api/v1/tasks/%FF%FE{step}{query}")
    assert (response.status_code, response.json()["code"]) == (404, "TASK_NOT_FOUND")


async def test_stats_and_metrics_are_served_when_a_task_is_damaged(client: httpx.AsyncClient, damaged: Task) -> None:
    (stats,) = (await client.get("/api/v1/queues/stats?queue=other")).json()
    assert stats["pending"] == 1
    assert 'state="pending"} 1.0' in (await client.get("/metrics")).text
    await client.delete(f"/api/v1/tasks/{damaged.id}")


async def test_other_tasks_are_read_when_the_record_of_one_is_damaged(
    client: httpx.AsyncClient, store: TestStore
) -> None:
    task = make_task(queue="other")
    await store.enqueue(task)
    await store.server.command("SET", f"{KEYS.prefix}r:{task.id}", "x")
    response = await client.get(f"/api/v1/tasks/{task.id}")
    assert (response.status_code, response.json()["state"]) == (200, "pending")
    assert (await client.delete(f"/api/v1/tasks/{task.id}")).status_code == 200
