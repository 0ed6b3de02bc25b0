from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from queuecore.testing.keyspace import read_keyspace
from queuecore.testing.store import TestStore
from tests.support.demo_task import DEMO_TASK

DEEP = b'{"type":"free","payload":' + b'{"a":' * 300 + b"1" + b"}" * 301


def with_field(**fields: Any) -> bytes:
    return json.dumps({**DEMO_TASK, **fields}).encode()


BAD_BODIES = {
    "empty": (b"", 400, "INVALID_REQUEST"),
    "not-json": (b"{type: demo}", 400, "INVALID_REQUEST"),
    "list": (b"[]", 400, "INVALID_REQUEST"),
    "string": (b'"demo"', 400, "INVALID_REQUEST"),
    "null": (b"null", 400, "INVALID_REQUEST"),
    "no-type": (b'{"payload":{}}', 400, "INVALID_REQUEST"),
    "no-payload": (b'{"type":"demo"}', 400, "INVALID_REQUEST"),
    "unknown-field": (with_field(color="red"), 400, "INVALID_REQUEST"),
    "nan": (b'{"type":"free","payload":{"a":NaN}}', 400, "INVALID_REQUEST"),
    "duplicate-keys": (b'{"type":"free","payload":{"a":1,"a":2}}', 400, "INVALID_REQUEST"),
    "invalid-utf-8": (b'{"type":"free","payload":{"a":"\xff\xfe"}}', 400, "INVALID_REQUEST"),
    "lone-surrogate": (b'{"type":"free","payload":{"a":"\\udc00"}}', 400, "INVALID_REQUEST"),
    "deep-nesting": (DEEP, 400, "INVALID_REQUEST"),
    "type-number": (with_field(type=5), 400, "INVALID_REQUEST"),
    "type-unknown": (with_field(type="nobody.knows"), 400, "INVALID_TASK_TYPE"),
    "type-empty": (with_field(type=""), 400, "INVALID_TASK_TYPE"),
    "type-malformed": (with_field(type="two words"), 400, "INVALID_TASK_TYPE"),
    "payload-list": (with_field(payload=[]), 400, "INVALID_PAYLOAD"),
    "payload-string": (with_field(payload="x"), 400, "INVALID_PAYLOAD"),
    "payload-null": (with_field(payload=None), 400, "INVALID_PAYLOAD"),
    "payload-breaks-schema": (with_field(payload={"message": "hi", "count": "1"}), 400, "INVALID_PAYLOAD"),
    "payload-lacks-field": (with_field(payload={"message": "hi"}), 400, "INVALID_PAYLOAD"),
    "payload-overflow": (b'{"type":"free","payload":{"a":1e400}}', 400, "INVALID_PAYLOAD"),
    "payload-too-large": (with_field(type="free", payload={"a": "x" * 5_000}), 413, "PAYLOAD_TOO_LARGE"),
    "body-too-large": (with_field(payload={"a": "x" * 1_100_000}), 413, "PAYLOAD_TOO_LARGE"),
    "timeout-abc": (with_field(timeout="abc"), 400, "INVALID_TIMEOUT"),
    "timeout-negative": (with_field(timeout="-5s"), 400, "INVALID_TIMEOUT"),
    "timeout-zero": (with_field(timeout="0s"), 400, "INVALID_TIMEOUT"),
    "timeout-words": (with_field(timeout="5 minutes"), 400, "INVALID_TIMEOUT"),
    "timeout-number": (with_field(timeout=30), 400, "INVALID_REQUEST"),
    "process-at-words": (with_field(process_at="tomorrow"), 400, "INVALID_PROCESS_AT"),
    "process-at-no-zone": (with_field(process_at="2024-01-15T10:00:00"), 400, "INVALID_PROCESS_AT"),
    "process-at-number": (with_field(process_at=1_700_000_000), 400, "INVALID_REQUEST"),
    "unique-malformed": (with_field(unique="forever"), 400, "INVALID_UNIQUE"),
    "unique-zero": (with_field(unique="0s"), 400, "INVALID_UNIQUE"),
    "unique-key-alone": (with_field(unique_key="k"), 400, "INVALID_REQUEST"),
    "max-retries-negative": (with_field(max_retries=-1), 400, "INVALID_REQUEST"),
    "max-retries-huge": (with_field(max_retries=10**9), 400, "INVALID_REQUEST"),
    "max-retries-string": (with_field(max_retries="3"), 400, "INVALID_REQUEST"),
    "queue-spaces": (with_field(queue="my queue"), 400, "INVALID_REQUEST"),
    "queue-braces": (with_field(queue="{q}"), 400, "INVALID_REQUEST"),
    "queue-newline": (with_field(queue="q\n"), 400, "INVALID_REQUEST"),
    "queue-long": (with_field(queue="q" * 300), 400, "INVALID_REQUEST"),
    "queue-empty": (with_field(queue=""), 400, "INVALID_REQUEST"),
    "metadata-values": (with_field(metadata={"a": 1}), 400, "INVALID_REQUEST"),
    "metadata-list": (with_field(metadata=["a"]), 400, "INVALID_REQUEST"),
    "metadata-large": (with_field(metadata={"a": "x" * 20_000}), 400, "INVALID_REQUEST"),
    "priority-high": (with_field(priority=10), 400, "INVALID_REQUEST"),
    "task-id": (with_field(task_id="a b"), 400, "INVALID_REQUEST"),
    "deadline": (with_field(deadline="soon"), 400, "INVALID_REQUEST"),
    "retention": (with_field(retention="long"), 400, "INVALID_REQUEST"),
    "retry-policy": (with_field(retry_policy={"curve": "zigzag"}), 400, "INVALID_REQUEST"),
}


def assert_error(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert (response.status_code, response.headers["content-type"]) == (status, "application/json"), response.text
    body = response.json()
    assert list(body) == ["error", "code", "details"]
    assert (body["code"], type(body["details"])) == (code, dict)
    assert 0 < len(body["error"]) < 600
    return dict(body)


@pytest.mark.parametrize(("body", "status", "code"), BAD_BODIES.values(), ids=BAD_BODIES)
async def test_create_is_refused_and_leaves_nothing_when_the_body_is_bad(
    client: httpx.AsyncClient, store: TestStore, body: bytes, status: int, code: str
) -> None:
    before = await read_keyspace(store.server)

    response = await client.post("/api/v1/tasks", content=body, headers={"Idempotency-Key": "k"})

    assert_error(response, status, code)
    assert await read_keyspace(store.server) == before


async def test_create_is_refused_when_the_idempotency_key_is_too_long(
    client: httpx.AsyncClient, store: TestStore
) -> None:
    before = await read_keyspace(store.server)

    response = await client.post("/api/v1/tasks", json=DEMO_TASK, headers={"Idempotency-Key": "k" * 256})

    assert assert_error(response, 400, "INVALID_REQUEST")["details"]["field"] == "Idempotency-Key"
    assert await read_keyspace(store.server) == before


async def test_create_is_refused_when_a_body_without_length_is_too_large(client: httpx.AsyncClient) -> None:
    async def chunks() -> Any:
        for _ in range(20):
            yield b"x" * 100_000

    assert_error(await client.post("/api/v1/tasks", content=chunks()), 413, "PAYLOAD_TOO_LARGE")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/", 404, "NOT_FOUND"),
        ("GET", "/api/v1/nothing", 404, "NOT_FOUND"),
        ("PUT", "/api/v1/tasks", 405, "METHOD_NOT_ALLOWED"),
        ("GET", "/api/v1/tasks", 405, "METHOD_NOT_ALLOWED"),
        ("POST", "/health", 405, "METHOD_NOT_ALLOWED"),
        ("DELETE", "/api/v1/tasks/x/cancel", 405, "METHOD_NOT_ALLOWED"),
        ("GET", "/api/v1/tasks/unknown", 404, "TASK_NOT_FOUND"),
        ("GET", "/api/v1/tasks/unknown?queue=default", 404, "TASK_NOT_FOUND"),
        ("GET", "/api/v1/tasks/%7Bx%7D%0A", 404, "TASK_NOT_FOUND"),
        ("DELETE", "/api/v1/tasks/unknown", 404, "TASK_NOT_FOUND"),
        ("POST", "/api/v1/tasks/unknown/cancel", 404, "TASK_NOT_FOUND"),
        ("POST", "/api/v1/tasks/unknown/run", 404, "TASK_NOT_FOUND"),
        ("GET", "/api/v1/tasks/unknown?queue=%7Ba%7D", 400, "INVALID_REQUEST"),
        ("GET", "/api/v1/queues/stats?queue=unknown", 404, "QUEUE_NOT_FOUND"),
        ("GET", "/api/v1/queues/stats?queue=", 400, "INVALID_REQUEST"),
    ],
)
async def test_every_route_answers_errors_in_the_one_format(
    client: httpx.AsyncClient, store: TestStore, method: str, path: str, status: int, code: str
) -> None:
    before = await read_keyspace(store.server)

    response = await client.request(method, path)

    assert_error(response, status, code)
    assert await read_keyspace(store.server) == before
    assert ("allow" in response.headers) == (status == 405)
