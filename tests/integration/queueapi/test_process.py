from __future__ import annotations

import asyncio
import json
import re
import socket
from pathlib import Path

import httpx
import pytest

from queuecore.embedded import EmbeddedValkey, find_free_port
from tests.support.demo_task import DEMO_TASK
from tests.support.service_process import ServiceProcess, running, start

BODY = json.dumps(DEMO_TASK).encode()
HEAD = b"POST /api/v1/tasks HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(BODY)


@pytest.mark.usefixtures("types")
async def test_sigterm_lets_a_request_finish_and_exits_0(valkey: EmbeddedValkey, tmp_path: Path) -> None:
    with running("queueapi", valkey.url, tmp_path / "log") as api:
        reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
        _, idle = await asyncio.open_connection("127.0.0.1", api.port)
        writer.write(HEAD + BODY[:10])
        await writer.drain()
        await wait_for_request(api)

        api.terminate()
        await wait_until_closed(api)
        writer.write(BODY[10:])
        status_line = await reader.readline()

        assert status_line == b"HTTP/1.1 201 Created\r\n"
        assert await api.wait() == 0
        for each in (writer, idle):
            each.close()
    assert "Traceback" not in api.log_path.read_text()


async def test_sigterm_exits_0_when_no_request_is_in_flight(valkey: EmbeddedValkey, tmp_path: Path) -> None:
    with running("queueapi", valkey.url, tmp_path / "log") as api:
        api.terminate()

        assert await api.wait() == 0
    events = [json.loads(line)["event"] for line in api.log_path.read_text().splitlines()]
    assert events == ["api_started", "api_stopped"]


async def test_the_process_exits_2_and_names_the_setting_when_the_port_is_taken(
    api: ServiceProcess, valkey: EmbeddedValkey, tmp_path: Path
) -> None:
    second = start("queueapi", valkey.url, tmp_path / "log", TASKYARD_API_PORT=str(api.port))

    assert await second.wait() == 2
    assert "TASKYARD_API_PORT" in second.log_path.read_text()


@pytest.mark.parametrize(
    ("variable", "value", "named"),
    [
        ("TASKYARD_API_PORT", "http", "TASKYARD_API_PORT"),
        ("TASKYARD_API_HOST", "0.0.0.0", "TASKYARD_API_AUTH"),
        ("TASKYARD_API_PROT", "8080", "TASKYARD_API_PORT"),
        ("TASKYARD_REDIS_URL", "redis+sentinel://host", "TASKYARD_REDIS_URL"),
    ],
)
async def test_the_process_exits_2_and_names_the_setting_when_it_is_wrong(
    valkey: EmbeddedValkey, tmp_path: Path, variable: str, value: str, named: str
) -> None:
    process = start("queueapi", valkey.url, tmp_path / "log", **{variable: value})

    assert await process.wait() == 2
    assert named in process.log_path.read_text()


async def test_connection_is_closed_when_the_client_is_slow(valkey: EmbeddedValkey, tmp_path: Path) -> None:
    limits = {"TASKYARD_API_HEADER_TIMEOUT": "200ms", "TASKYARD_API_BODY_TIMEOUT": "200ms"}
    with running("queueapi", valkey.url, tmp_path / "log", **limits) as api:
        slow_head, writer = await asyncio.open_connection("127.0.0.1", api.port)
        writer.write(b"POST /api/v1/tasks HTTP/1.1\r\nHost: x\r\n")
        slow_body, other = await asyncio.open_connection("127.0.0.1", api.port)
        other.write(HEAD + BODY[:10])

        assert await asyncio.wait_for(slow_head.read(), 10) == b""
        assert (await asyncio.wait_for(slow_body.readline(), 10)).startswith(b"HTTP/1.1 408 ")
        for each in (writer, other):
            each.close()


async def test_a_head_that_never_ends_is_refused(api: ServiceProcess) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
    writer.write(b"GET /live HTTP/1.1\r\nHost: x\r\n" + b"X-Long: " + 65 * 1024 * b"x")

    status_line, body = await read_answer(reader)
    writer.close()

    assert status_line == b"HTTP/1.1 431 Request Header Fields Too Large"
    assert body == {"error": "the request's line and headers are larger than 65536 bytes", "code": "INVALID_REQUEST"}


async def test_bytes_that_are_not_http_are_refused_as_json(api: ServiceProcess) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
    writer.write(b"\x16\x03\x01 hello\r\n\r\n")

    status_line, body = await read_answer(reader)
    writer.close()

    assert (status_line, body["code"]) == (b"HTTP/1.1 400 Bad Request", "INVALID_REQUEST")


async def test_pipelined_requests_are_answered_in_order(api: ServiceProcess) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
    writer.write(b"GET /live HTTP/1.1\r\nHost: x\r\n\r\nGET /nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")

    answers = await asyncio.wait_for(reader.read(), 10)
    writer.close()

    assert re.findall(rb"HTTP/1.1 (\d+)", answers) == [b"200", b"404"]


async def test_ready_local_is_ok_when_the_store_has_never_been_there(tmp_path: Path) -> None:
    with running("queueapi", f"redis://127.0.0.1:{find_free_port()}", tmp_path / "log") as api:
        answers = [await api.get(path) for path in ("/ready/local", "/ready")]

    assert [(answer.status_code, answer.json()["status"]) for answer in answers] == [(200, "ok"), (503, "error")]


@pytest.mark.usefixtures("store")
async def test_unknown_type_is_enqueued_under_a_shared_label_when_accepted(
    valkey: EmbeddedValkey, tmp_path: Path
) -> None:
    with running("queueapi", valkey.url, tmp_path / "log", TASKYARD_API_UNKNOWN_TYPES="accept") as api:
        async with httpx.AsyncClient(base_url=api.url) as client:
            response = await client.post("/api/v1/tasks", json={"type": "nobody.knows", "payload": {}})
            metrics = (await client.get("/metrics")).text

    assert response.status_code == 201
    assert 'taskyard_tasks_enqueued_total{queue="default",type="unregistered"} 1.0' in metrics


async def read_answer(reader: asyncio.StreamReader) -> tuple[bytes, dict[str, str]]:
    """The status line and the JSON of an answer after which the connection is closed."""
    head, _, body = (await asyncio.wait_for(reader.read(), 10)).partition(b"\r\n\r\n")
    return head.partition(b"\r\n")[0], json.loads(body)


async def wait_for_request(api: ServiceProcess) -> None:
    """A whole request after the half one: the server has read the first by then."""
    async with httpx.AsyncClient(base_url=api.url) as client:
        assert (await client.get("/live")).status_code == 200


async def wait_until_closed(api: ServiceProcess) -> None:
    async with asyncio.timeout(10):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", api.port, family=socket.AF_INET)
            except ConnectionError:
                return
            writer.close()
            await asyncio.sleep(0)
