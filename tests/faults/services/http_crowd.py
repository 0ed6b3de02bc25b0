"""Clients that take connections and give little."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import NamedTuple

_AT_ONCE = 100
_DRIP_S = 0.1
_PART_BYTES = 65_536


class Connection(NamedTuple):
    """A client's end."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def ask(self, path: str) -> int:
        """GET on this connection, kept alive; the status."""
        self.writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        await self.writer.drain()
        head = await self.reader.readuntil(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().lower().split("\r\n")[1:] if line)
        await self.reader.readexactly(int(fields["content-length"]))
        return int(head.split(b" ")[1])

    async def until_cut(self) -> bytes:
        """Wait until the server closes the connection; what it said before."""
        said = b""
        # A drop that crosses with the end of the connection makes a reset of it.
        with suppress(ConnectionResetError):
            while part := await self.reader.read(_PART_BYTES):
                said += part
        return said


async def drip(connection: Connection, beginning: bytes, drop: bytes) -> bytes:
    """Send the beginning, then a drop every now and then until the server closes the connection; what it said."""
    connection.writer.write(beginning)
    dripping = asyncio.create_task(_drip_on(connection.writer, drop))
    try:
        return await connection.until_cut()
    finally:
        dripping.cancel()
        await asyncio.gather(dripping, return_exceptions=True)


async def _drip_on(writer: asyncio.StreamWriter, drop: bytes) -> None:
    while not writer.is_closing():
        writer.write(drop)
        await asyncio.sleep(_DRIP_S)


@asynccontextmanager
async def crowd(host: str, port: int, number: int) -> AsyncIterator[list[Connection]]:
    """Many connections at once, all closed at the end."""
    gate = asyncio.Semaphore(_AT_ONCE)

    async def connect() -> Connection:
        async with gate:
            return Connection(*await asyncio.open_connection(host, port))

    connections = await asyncio.gather(*(connect() for _ in range(number)))
    try:
        yield connections
    finally:
        for connection in connections:
            connection.writer.transport.abort()
