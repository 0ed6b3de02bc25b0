"""Clients that hold many connections open, idle or with slow requests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import NamedTuple

_CONCURRENT = 100
_PIECE_INTERVAL_S = 0.1
_PART_BYTES = 65_536


class Connection(NamedTuple):
    """The client side of a connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def ask(self, path: str) -> int:
        """Send a keep-alive GET.

        Returns:
            The status.
        """
        self.writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        await self.writer.drain()
        head = await self.reader.readuntil(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().lower().split("\r\n")[1:] if line)
        await self.reader.readexactly(int(fields["content-length"]))
        return int(head.split(b" ")[1])

    async def read_until_closed(self) -> bytes:
        """Read until the server closes the connection.

        Returns:
            The bytes received.
        """
        received = b""
        # Data sent after the server has closed the connection causes a reset, which may discard the response.
        with suppress(ConnectionError):
            while part := await self.reader.read(_PART_BYTES):
                received += part
        return received


async def send_slowly(connection: Connection, start: bytes, piece: bytes) -> bytes:
    """Send the start of a request, then small pieces until the server closes the connection (slowloris).

    Returns:
        The bytes received.
    """
    connection.writer.write(start)
    sending = asyncio.create_task(_send_pieces(connection.writer, piece))
    try:
        return await connection.read_until_closed()
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)


async def _send_pieces(writer: asyncio.StreamWriter, piece: bytes) -> None:
    while not writer.is_closing():
        writer.write(piece)
        await asyncio.sleep(_PIECE_INTERVAL_S)


@asynccontextmanager
async def open_connections(host: str, port: int, number: int) -> AsyncIterator[list[Connection]]:
    """Open a number of connections, all closed at the end of the block."""
    limit = asyncio.Semaphore(_CONCURRENT)

    async def connect() -> Connection:
        async with limit:
            return Connection(*await asyncio.open_connection(host, port))

    connections = await asyncio.gather(*(connect() for _ in range(number)))
    try:
        yield connections
    finally:
        for connection in connections:
            connection.writer.transport.abort()
