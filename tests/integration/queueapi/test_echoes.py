"""Errors repeat little of the request, wherever the long text stands."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tests.support.demo_task import DEMO_TASK

_LONG = 50_000 * "x"
_MOST = 1_024


def _task(**fields: Any) -> bytes:
    return json.dumps({**DEMO_TASK, **fields}).encode()


_BODIES = {
    "duplicate-key": b'{"type":"free","payload":{"%b":1,"%b":2}}' % (_LONG.encode(), _LONG.encode()),
    "unknown-field": _task(**{_LONG: 1}),
    "not-json": b'{"type": ' + _LONG.encode(),
    "type": _task(type=_LONG),
    "queue": _task(queue=_LONG),
    "task-id": _task(task_id=_LONG),
    "timeout": _task(timeout=_LONG),
    "process-at": _task(process_at=_LONG),
    "unique-key": _task(unique="1h", unique_key=_LONG),
    "metadata-key": _task(metadata={_LONG: 1}),
    "retry-policy": _task(retry_policy={"curve": _LONG}),
    "schema-key": _task(type="strict", payload={_LONG: 1}),
    "schema-value": _task(type="strict", payload={"a": _LONG}),
}


@pytest.fixture
async def patient(client: httpx.AsyncClient, store: Any) -> httpx.AsyncClient:
    schema = b'{"type": "object", "additionalProperties": {"type": "integer"}}'
    await store.directory.register_types({"strict": schema})
    return client


@pytest.mark.parametrize("body", _BODIES.values(), ids=_BODIES)
async def test_error_repeats_little_when_a_part_of_the_body_is_long(patient: httpx.AsyncClient, body: bytes) -> None:
    response = await patient.post("/api/v1/tasks", content=body)
    assert 400 <= response.status_code < 500
    assert response.text.count("x") <= _MOST


@pytest.mark.parametrize("body", _BODIES.values(), ids=_BODIES)
async def test_error_repeats_little_when_a_part_of_a_batch_is_long(patient: httpx.AsyncClient, body: bytes) -> None:
    response = await patient.post("/api/v1/tasks/batch", content=b'{"tasks": [%b]}' % body)
    assert response.text.count("x") <= _MOST


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"/{_LONG}"),
        ("GET", f"/api/v1/tasks/{_LONG}"),
        ("POST", f"/api/v1/tasks/{_LONG}/cancel"),
        ("DELETE", f"/api/v1/tasks/{_LONG}?queue=default"),
        ("GET", f"/api/v1/tasks/a?queue={_LONG}"),
        ("GET", f"/api/v1/queues/stats?queue={_LONG}"),
        ("GET", f"/api/v1/queues/{_LONG}/limits"),
        ("PUT", f"/api/v1/tasks/{_LONG}"),
    ],
    ids=["nothing", "get", "cancel", "delete", "queue", "stats", "limits", "method"],
)
async def test_error_repeats_little_when_the_path_is_long(patient: httpx.AsyncClient, method: str, path: str) -> None:
    response = await patient.request(method, path)
    assert 400 <= response.status_code < 500
    assert response.text.count("x") <= _MOST


async def test_error_repeats_little_when_a_header_is_long(patient: httpx.AsyncClient) -> None:
    response = await patient.post("/api/v1/tasks", json=DEMO_TASK, headers={"Idempotency-Key": _LONG})
    assert response.status_code == 400
    assert response.text.count("x") <= _MOST
