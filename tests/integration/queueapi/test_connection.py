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

if TYPE_CHECKING:
    from litestar.types import Receive, Scope, Send

_MOST = 2
_ASK = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


async def _answer(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok", "more_body": False})


@pytest.fixture
async def port() -> AsyncIterator[int]:
    config = Config(_answer, log_config=None, access_log=False)
    config.load()
    connect = partial(
        BoundedConnection, ConnectionLimits(_MOST, head_timeout_s=60), asyncio.Event(), config, ServerState(), {}
    )
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
