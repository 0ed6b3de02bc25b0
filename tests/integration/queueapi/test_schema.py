from __future__ import annotations

import re

import httpx
import jsonschema_rs
import msgspec

from queuecore.testing.builders import make_task
from queuecore.testing.store import TestStore
from tests.support.demo_task import DEMO_TASK


async def test_schema_is_an_openapi_document(client: httpx.AsyncClient) -> None:
    plain, as_json = await client.get("/schema"), await client.get("/schema/openapi.json")

    assert plain.json() == as_json.json()
    assert plain.json()["openapi"].startswith("3.1.")
    assert as_json.headers["content-type"] == "application/json"


async def test_schema_describes_requests_and_responses(client: httpx.AsyncClient, store: TestStore) -> None:
    document = (await client.get("/schema")).json()
    task = make_task()
    await store.enqueue(task)
    answers = {
        "TaskCreated": (await client.post("/api/v1/tasks", json=DEMO_TASK)).json(),
        "TaskView": (await client.get(f"/api/v1/tasks/{task.id}")).json(),
        "ErrorBody": (await client.get("/api/v1/tasks/unknown")).json(),
        "BatchCreated": (await client.post("/api/v1/tasks/batch", json={"tasks": [DEMO_TASK, 5]})).json(),
        "QueueCounts": (await client.get("/api/v1/queues/stats")).json()[0],
        "CreateTask": {**DEMO_TASK, "timeout": "30s", "retry_policy": {"base": "1s"}, "metadata": {"a": "b"}},
    }

    for name, answer in answers.items():
        schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
        jsonschema_rs.Draft202012Validator(schema).validate(answer)


async def test_schema_references_only_its_own_components(client: httpx.AsyncClient) -> None:
    text = (await client.get("/schema")).text
    document = msgspec.json.decode(text)

    for reference in set(re.findall(r'"\$ref":"#/([^"]+)"', text)):
        place = document
        for part in reference.split("/"):
            place = place[part]
