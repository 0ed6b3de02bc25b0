"""Listener on the port of a stopped server that closes and counts connections."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

from queuecore.embedded import HOST


class RefusingListener:
    """Accepts connections on a loopback port and closes each immediately."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.connections = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._refuse, HOST, self._port)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _refuse(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        writer.transport.abort()
