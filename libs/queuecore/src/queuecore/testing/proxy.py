"""A TCP proxy on loopback that does to connections what networks do."""

from __future__ import annotations

import asyncio
import contextlib
from types import TracebackType
from typing import Self

from queuecore.embedded import HOST

_CHUNK = 65_536


class FaultyProxy:
    """Passes connections on to a server, until told otherwise.

    Args:
        port: where the server listens on loopback.
    """

    def __init__(self, port: int) -> None:
        self._server_port = port
        self._links: set[_Link] = set()
        self._cut_word = b""
        self.cuts_left = 0
        """How many replies are still to be cut."""
        self.delay_s = 0.0
        """How long each reply is held back."""
        self.refuses = False
        """Whether new connections are closed at once."""
        self.connections = 0
        """How many were opened so far, refused ones included."""

    async def __aenter__(self) -> Self:
        self._listener = await asyncio.start_server(self._serve, HOST, 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._listener.close()
        self.cut_all()
        await self._listener.wait_closed()

    @property
    def url(self) -> str:
        """Where clients find the server through the proxy."""
        return f"redis://{HOST}:{self._listener.sockets[0].getsockname()[1]}/0"

    def cut_replies_to(self, word: bytes, times: int = 1) -> None:
        """Let the server do a command, and cut the connection in the middle of its reply.

        Args:
            word: stands in the command as it is sent.
            times: how often.
        """
        self._cut_word, self.cuts_left = word, times

    def cut_all(self) -> None:
        """Cut all connections that are open now."""
        for link in list(self._links):
            link.cut()

    def take_cut(self, sent: bytes) -> bool:
        """Whether the reply to what was sent is to be cut; counts it."""
        if not self.cuts_left or self._cut_word not in sent:
            return False
        self.cuts_left -= 1
        return True

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if self.refuses:
            writer.transport.abort()
            return
        try:
            server_reader, server_writer = await asyncio.open_connection(HOST, self._server_port)
        except OSError:
            writer.transport.abort()
            return
        link = _Link(self, writer, server_writer)
        self._links.add(link)
        with contextlib.suppress(OSError):
            await asyncio.gather(link.pass_requests(reader), link.pass_replies(server_reader))
        link.cut()
        self._links.discard(link)


class _Link:
    """One connection."""

    def __init__(self, proxy: FaultyProxy, client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self._proxy = proxy
        self._client = client
        self._server = server
        self._cuts_reply = False

    async def pass_requests(self, reader: asyncio.StreamReader) -> None:
        while data := await reader.read(_CHUNK):
            self._cuts_reply |= self._proxy.take_cut(data)
            self._server.write(data)
            await self._server.drain()
        self.cut()

    async def pass_replies(self, reader: asyncio.StreamReader) -> None:
        while data := await reader.read(_CHUNK):
            if self._proxy.delay_s:
                await asyncio.sleep(self._proxy.delay_s)
            if self._cuts_reply:
                self._client.write(data[: len(data) // 2])
                self._client.close()
                break
            self._client.write(data)
            await self._client.drain()
        self.cut()

    def cut(self) -> None:
        self._server.transport.abort()
        if not self._cuts_reply:
            self._client.transport.abort()
