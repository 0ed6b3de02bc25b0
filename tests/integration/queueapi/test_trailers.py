from __future__ import annotations

import asyncio
import json
from contextlib import suppress

import pytest

from tests.support.demo_task import DEMO_TASK
from tests.support.service_process import ServiceProcess

_BODY = json.dumps(DEMO_TASK).encode()
_CHUNKED = b"POST /api/v1/tasks HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n" % (
    len(_BODY),
    _BODY,
)
_FIELD = b"X-Trailer: " + 4_000 * b"x" + b"\r\n"
_FLOOD_BYTES = 40 * 1024**2
_ANSWER_S = 20.0


async def _answer(reader: asyncio.StreamReader) -> bytes:
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), _ANSWER_S)
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    return head + await asyncio.wait_for(reader.readexactly(length), _ANSWER_S)


@pytest.mark.usefixtures("types", "store")
async def test_trailer_names_no_idempotency_key_when_a_body_ends(api: ServiceProcess) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
    answers = []
    for _ in range(2):
        writer.write(_CHUNKED + b"0\r\n")
        await writer.drain()
        writer.write(b"Idempotency-Key: once\r\nExpect: 100-continue\r\n\r\n")
        answers.append(await _answer(reader))
    writer.close()
    assert [answer.partition(b"\r\n")[0] for answer in answers] == 2 * [b"HTTP/1.1 201 Created"]
    assert not any(b"idempotency-replayed" in answer.lower() for answer in answers)


@pytest.mark.usefixtures("types", "store")
@pytest.mark.parametrize(
    ("beginning", "part"),
    [(b"0\r\n", _FIELD), (b"0\r\nX-Trailer: ", 4_000 * b"x"), (b"1;", 4_000 * b"x")],
    ids=["many-trailers", "one-trailer", "chunk-extension"],
)
async def test_connection_is_cut_when_what_follows_a_body_does_not_end(
    api: ServiceProcess, beginning: bytes, part: bytes
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
    writer.write(_CHUNKED + beginning)
    sent = 0
    with suppress(ConnectionError):
        while sent < _FLOOD_BYTES and not reader.at_eof():
            writer.write(part)
            await writer.drain()
            sent += len(part)
    writer.transport.abort()
    assert sent < _FLOOD_BYTES


@pytest.mark.usefixtures("types", "store")
async def test_trailers_are_answered_431_when_they_are_too_large(api: ServiceProcess) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
    writer.write(_CHUNKED + b"0\r\n")
    # The api has read the first part when it has answered another request.
    assert (await api.get("/live")).status_code == 200
    writer.write(17 * _FIELD)
    answer = await _answer(reader)
    assert answer.startswith(b"HTTP/1.1 431 Request Header Fields Too Large")
    assert await asyncio.wait_for(reader.read(), _ANSWER_S) == b""
    writer.close()
