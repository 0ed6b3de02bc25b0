"""A TCP proxy on loopback that injects network faults."""

from __future__ import annotations

import asyncio
import contextlib
from types import TracebackType
from typing import Self

from queuecore.embedded import HOST

_CHUNK = 65_536
_TURNS_OF_ACCEPTING = 3
"""Turns of the event loop from the acceptance of a connection to its callback, with one to spare."""


class FaultyProxy:
    """Forwards connections to a server, with faults on request.

    Args:
        port: the port of the server on loopback.
    """

    def __init__(self, port: int) -> None:
        self._server_port = port
        self._links: set[_Link] = set()
        self._serving: dict[asyncio.Task[None], asyncio.StreamWriter] = {}
        """Each with the writer to its client."""
        self._cut_word = b""
        self.cuts_left = 0
        """The number of replies still to be cut."""
        self.delay_s = 0.0
        """The delay of each reply."""
        self.refuses = False
        """True to close new connections at once."""
        self.bytes_per_s = 0
        """The bandwidth of each direction, shared by all connections; 0: unlimited."""
        self.replication = asyncio.Event()
        """Clear it to hold back what the server sends to replicas that connect through the proxy."""
        self.replication.set()
        self.sent_bytes = 0
        """Bytes that were forwarded to the server."""
        self._requests, self._replies = _Direction(), _Direction()
        self.connections = 0
        """Connections opened so far, refused ones included."""

    async def __aenter__(self) -> Self:
        self._listener = await asyncio.start_server(self._accept, HOST, 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self._finish_accepting()
        self._listener.close()
        self.cut_all()
        for serving, client in self._serving.items():
            serving.cancel()
            # A task that has not begun, or has not reached the server yet, closes nothing when it is cancelled.
            client.transport.abort()
        await asyncio.gather(*self._serving, return_exceptions=True)
        await self._listener.wait_closed()

    async def _finish_accepting(self) -> None:
        """Accept no more. A listener that closes while it accepts leaves the new connection open (Python 3.11)."""
        for listening in self._listener.sockets:
            asyncio.get_running_loop().remove_reader(listening)
        for _ in range(_TURNS_OF_ACCEPTING):
            await asyncio.sleep(0)

    @property
    def port(self) -> int:
        """The port of the proxy."""
        return int(self._listener.sockets[0].getsockname()[1])

    @property
    def url(self) -> str:
        """The URL of the server through the proxy."""
        return f"redis://{HOST}:{self.port}/0"

    def cut_replies_to(self, word: bytes, times: int = 1) -> None:
        """Forward a command, and close the connection in the middle of its reply.

        Args:
            word: bytes that the sent command contains.
            times: the number of replies to cut.
        """
        self._cut_word, self.cuts_left = word, times

    def cut_all(self) -> None:
        """Close all open connections."""
        for link in list(self._links):
            link.cut()

    def take_cut(self, sent: bytes) -> bool:
        """Decide about cutting the reply to these sent bytes, and count the cut."""
        if not self.cuts_left or self._cut_word not in sent:
            return False
        self.cuts_left -= 1
        return True

    async def pace_request(self, size: int) -> None:
        """Wait as long as the bandwidth requires before these bytes arrive at the server."""
        self.sent_bytes += size
        await self._requests.pace(size, self.bytes_per_s)

    async def pace_reply(self, size: int) -> None:
        """Wait as long as the bandwidth requires before these bytes arrive at the client."""
        await self._replies.pace(size, self.bytes_per_s)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving = asyncio.create_task(self._serve(reader, writer))
        self._serving[serving] = writer
        serving.add_done_callback(self._serving.pop)

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


class _Direction:
    """One direction of a link of limited bandwidth."""

    def __init__(self) -> None:
        self._free_at = 0.0

    async def pace(self, size: int, bytes_per_s: int) -> None:
        if not bytes_per_s:
            return
        now = asyncio.get_running_loop().time()
        self._free_at = max(self._free_at, now) + size / bytes_per_s
        await asyncio.sleep(self._free_at - now)


class _Link:
    """One connection."""

    def __init__(self, proxy: FaultyProxy, client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self._proxy = proxy
        self._client = client
        self._server = server
        self._cuts_reply = False
        self._is_cut = False
        self._is_replication = False

    async def pass_requests(self, reader: asyncio.StreamReader) -> None:
        while data := await reader.read(_CHUNK):
            self._is_replication |= b"PSYNC" in data
            self._cuts_reply |= self._proxy.take_cut(data)
            await self._proxy.pace_request(len(data))
            self._server.write(data)
            await self._server.drain()
        self.cut()

    async def pass_replies(self, reader: asyncio.StreamReader) -> None:
        while data := await reader.read(_CHUNK):
            if self._proxy.delay_s:
                await asyncio.sleep(self._proxy.delay_s)
            await self._proxy.pace_reply(len(data))
            if self._is_replication:
                await self._proxy.replication.wait()
            if self._is_cut:
                break
            if self._cuts_reply:
                self._client.write(data[: len(data) // 2])
                self._client.close()
                break
            self._client.write(data)
            await self._client.drain()
        self.cut()

    def cut(self) -> None:
        self._is_cut = True
        self._server.transport.abort()
        if not self._cuts_reply:
            self._client.transport.abort()
