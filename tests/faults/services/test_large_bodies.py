from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from queuecore.embedded import HOST
from queuecore.testing.builders import make_task
from queuecore.testing.waiting import eventually
from tests.faults.services.open_connections import Connection, open_connections
from tests.support.demo_task import DEMO_TASK
from tests.support.service_process import ServiceProcess, plain_http
from tests.support.system import System

_MAX_RSS_BYTES = 256 * 1024**2
"""Half of the memory limit that the chart sets for the API."""
_TIMEOUT_S = 60.0
_LARGE_BYTES = 15 * 1024**2
_PART = 64 * 1024 * b" "
_WITHHOLDING_CLIENTS = 40
_UNREAD_CLIENTS = 100
_PIPELINED = 30
_HEAD = b"POST /api/v1/tasks/batch HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"
_NESTED = b'{"type": "free", "payload": {"a": [%b[]]}}' % (300_000 * b"[],")
"""900 KB of JSON, 20 MB of objects."""
_BODIES = {
    "/api/v1/tasks/batch?many-tasks": (b'{"tasks": [%b0]}' % (8_000_000 * b"0,"), 400),
    "/api/v1/tasks/batch?large-tasks": (b'{"tasks": [%b]}' % b",".join(16 * [_NESTED]), 200),
    "/api/v1/tasks/batch?one-task": (
        b'{"tasks": [{"type": "free", "payload": {"a": [%b[]]}}]}' % (5_000_000 * b"[],"),
        200,
    ),
    "/api/v1/tasks/batch?no-list": (b'{"tasks": {"a": [%b[]]}}' % (5_000_000 * b"[],"), 400),
    "/api/v1/tasks": (b'{"type": "free", "payload": {"a": [%b[]]}}' % (5_000_000 * b"[],"), 413),
}


@pytest.fixture
async def api(system: System) -> ServiceProcess:
    await system.store.directory.register_types({"free": b"null", "demo": b"null"})
    return await system.start_api()


def _peak_rss_bytes(api: ServiceProcess) -> int:
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{api.pid}/status").read_text())
    assert found
    return int(found[1]) * 1024


async def test_api_stays_small_when_bodies_have_millions_of_values(api: ServiceProcess) -> None:
    async with plain_http(api.url, _TIMEOUT_S) as http:
        statuses = [(await http.post(path, content=body)).status_code for path, (body, _) in _BODIES.items()]

    assert statuses == [status for _, status in _BODIES.values()]
    assert _peak_rss_bytes(api) < _MAX_RSS_BYTES


async def test_api_stays_small_and_accepts_small_tasks_when_large_bodies_are_withheld(api: ServiceProcess) -> None:
    async def send(connection: Connection) -> None:
        connection.writer.write(_HEAD % _LARGE_BYTES)
        for _ in range(_LARGE_BYTES // len(_PART) - 1):
            connection.writer.write(_PART)
            await connection.writer.drain()

    async with (
        open_connections(HOST, api.port, _WITHHOLDING_CLIENTS) as connections,
        plain_http(api.url, _TIMEOUT_S) as http,
    ):
        sending = [asyncio.create_task(send(connection)) for connection in connections]
        try:
            await eventually(lambda: all(task.done() for task in sending), within_s=_TIMEOUT_S)
            accepted = await http.post("/api/v1/tasks", json=DEMO_TASK)
            refused = await http.post("/api/v1/tasks/batch", content=_LARGE_BYTES * b" ")
        finally:
            for task in sending:
                task.cancel()
            await asyncio.gather(*sending, return_exceptions=True)

    assert accepted.status_code == 201
    assert (refused.status_code, refused.json()["code"], refused.headers["Retry-After"]) == (503, "OVERLOADED", "1")
    assert _peak_rss_bytes(api) < _MAX_RSS_BYTES


async def test_api_stays_small_and_closes_connections_when_responses_are_never_read(system: System) -> None:
    api = await system.start_api(TASKYARD_API_READ_TIMEOUT="1s")
    (enqueued,) = await system.store.enqueue(make_task(payload=b'{"a":"%b"}' % (1_000_000 * b"x")))
    get = f"GET /api/v1/tasks/{enqueued.task_id} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    async with (
        open_connections(HOST, api.port, _UNREAD_CLIENTS) as connections,
        plain_http(api.url, _TIMEOUT_S) as http,
    ):
        for connection in connections:
            connection.reader._transport.pause_reading()  # type: ignore[attr-defined]  # no public way
            connection.writer.write(_PIPELINED * get)
        assert (await http.get("/live")).status_code == 200

        async def has_aborted_all() -> bool:
            return await api.metric("process_open_fds") < _UNREAD_CLIENTS

        await eventually(has_aborted_all, within_s=_TIMEOUT_S)

    assert _peak_rss_bytes(api) < _MAX_RSS_BYTES
