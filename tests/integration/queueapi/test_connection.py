"""Client connections with limits smaller than those of a whole API."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import TYPE_CHECKING

import pytest
from uvicorn.config import Config
from uvicorn.server import ServerState

from queueapi.http.connection import BoundedConnection, ConnectionLimits
from queueapi.http.unread import UnreadResponses
from queuecore.testing.waiting import eventually

if TYPE_CHECKING:
    from litestar.types import Receive, Scope, Send

_MOST = 2
_ASK = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
_ASK_LARGE = b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n"
_LARGE = 16 * 1024**2 * b"x"
"""More than the sockets' buffers hold."""
_HEAD_TIMEOUT_S = 10.0
_READ_TIMEOUT_S = 60.0


async def _answer(scope: Scope, _receive: Receive, send: Send) -> None:
    body = _LARGE if scope["path"] == "/large" else b"ok"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body, "more_body": False})


@pytest.fixture
def state() -> ServerState:
    return ServerState()


@pytest.fixture
async def port(state: ServerState) -> AsyncIterator[int]:
    config = Config(_answer, log_config=None, access_log=False)
    config.load()
    limits = ConnectionLimits(_MOST, _HEAD_TIMEOUT_S, _READ_TIMEOUT_S, UnreadResponses(_MOST * len(_LARGE)))
    connect = partial(BoundedConnection, limits, asyncio.Event(), config, state, {})
    server = await asyncio.get_running_loop().create_server(connect, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


async def test_connection_is_closed_at_once_when_it_exceeds_the_limit(port: int) -> None:
    others = [await asyncio.open_connection("127.0.0.1", port) for _ in range(_MOST)]
    for reader, writer in others:
        writer.write(_ASK)
        assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200 OK")
    reader, late = await asyncio.open_connection("127.0.0.1", port)
    assert await asyncio.wait_for(reader.read(), 10) == b""
    for reader, writer in others:
        writer.write(_ASK)
        assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200 OK")
    for writer in (late, *(writer for _, writer in others)):
        writer.close()


async def test_connection_is_accepted_again_when_another_has_ended(port: int) -> None:
    ended = [await asyncio.open_connection("127.0.0.1", port) for _ in range(_MOST)]
    for reader, writer in ended:
        writer.write(_ASK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        await reader.read()
        writer.close()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(_ASK)
    assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200 OK")
    writer.close()


async def test_pipelined_requests_wait_when_the_client_does_not_read(port: int, state: ServerState) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(_ASK_LARGE + 3 * _ASK)
    connection = await _unread_connection(state)

    await asyncio.gather(*(asyncio.sleep(0) for _ in range(10)))

    assert len(connection.pipeline) == 3
    assert state.total_requests == 0
    await reader.readuntil(b"\r\n\r\n")
    await reader.readexactly(len(_LARGE))
    for _ in range(3):
        assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200 OK")
    assert state.total_requests == 4
    writer.close()


async def test_connection_is_aborted_when_the_client_reads_nothing_for_the_read_timeout(
    port: int, state: ServerState
) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(_ASK_LARGE)
    connection = await _unread_connection(state)
    now_s = asyncio.get_running_loop().time()

    connection.close_if_slow(now_s + _HEAD_TIMEOUT_S + 1)
    assert not connection.transport.is_closing()

    connection.close_if_slow(now_s + _READ_TIMEOUT_S + 1)
    await eventually(lambda: not state.connections)
    writer.close()


async def test_connection_stays_open_when_the_client_reads_a_large_response_slowly(
    port: int, state: ServerState
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(_ASK_LARGE)
    connection = await _unread_connection(state)
    unread_bytes = connection.transport.get_write_buffer_size()
    now_s = asyncio.get_running_loop().time()

    async def has_sent_more() -> bool:
        await reader.readexactly(64 * 1024)
        return 0 < connection.transport.get_write_buffer_size() < unread_bytes

    await eventually(has_sent_more)
    connection.close_if_slow(now_s + _READ_TIMEOUT_S + 1)

    assert not connection.transport.is_closing()
    writer.close()


async def _unread_connection(state: ServerState) -> BoundedConnection:
    """The only connection, after its write buffer has filled up."""

    def find() -> BoundedConnection | None:
        for connection in state.connections:
            if isinstance(connection, BoundedConnection) and connection.flow.write_paused:
                return connection
        return None

    await eventually(lambda: find() is not None)
    found = find()
    assert found is not None
    return found
