"""One client's connection, bounded: in how long a request's head may take and how large it may be.

The server by itself waits for ever for the rest of a head, and keeps as much of it as is sent. It has no timer per
connection for this: :func:`cut_late_ones` looks at all of them now and then.
"""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Iterable
from typing import NamedTuple

import msgspec
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from queueapi.errors import JSON_TYPE

MOST_CONNECTIONS = 65_536
RESERVED_FILES = 256
"""For the store's connections, logs and the runtime."""
MOST_HEAD_BYTES = 64 * 1024
"""Of a request's line and headers."""
_TOO_LARGE = f"the request's line and headers are larger than {MOST_HEAD_BYTES} bytes"
_LOOKS_PER_TIMEOUT = 10
_LONGEST_PAUSE_S = 1.0


class ConnectionLimits(NamedTuple):
    """What clients may take."""

    most: int
    """Connections at once; more are closed unheard."""
    head_timeout_s: float
    """How long a client may take to send a request's head, idle time before it included."""


class BoundedConnection(HttpToolsProtocol):
    """A connection over HTTP/1.1.

    Args:
        limits: what the client may take.
        config, server_state, app_state, _loop: what the server gives its connections.
    """

    def __init__(
        self,
        limits: ConnectionLimits,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, object],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._limits = limits
        self._head_bytes: int | None = None
        """How much of a head has come; ``None`` between heads."""
        self._awaits_head_since_s: float | None = None
        """By the event loop's clock; ``None`` while a request is under way."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as the server has it
        """A client has come."""
        super().connection_made(transport)
        self._await_head()
        if len(self.connections) > self._limits.most:
            transport.abort()

    def data_received(self, data: bytes) -> None:
        """Bytes have come."""
        super().data_received(data)
        if self._head_bytes is not None:
            self._head_bytes += len(data)
            if self._head_bytes > MOST_HEAD_BYTES and not self.transport.is_closing():
                self._refuse(b"431 Request Header Fields Too Large", _TOO_LARGE)

    def on_message_begin(self) -> None:
        """A request begins."""
        self._head_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Its head is whole."""
        self._head_bytes = self._awaits_head_since_s = None
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        """It is answered; the client may not have sent all of it yet."""
        # Of pipelined requests, the next one's head is whole already.
        if not self.pipeline:
            self._await_head()
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP."""
        self._refuse(b"400 Bad Request", msg)

    def cut_if_late(self, now_s: float) -> None:
        """Close the connection if its client has taken too long."""
        since_s = self._awaits_head_since_s
        if since_s is not None and now_s - since_s > self._limits.head_timeout_s:
            self.transport.abort()

    def _await_head(self) -> None:
        self._awaits_head_since_s = self.loop.time()

    def _refuse(self, status: bytes, message: str) -> None:
        body = msgspec.json.encode({"error": message, "code": "INVALID_REQUEST"})
        self.transport.write(
            b"HTTP/1.1 %b\r\nconnection: close\r\ncontent-type: %b\r\ncontent-length: %d\r\n\r\n%b"
            % (status, JSON_TYPE, len(body), body)
        )
        self.transport.close()


async def cut_late_ones(connections: Iterable[BoundedConnection], head_timeout_s: float) -> None:
    """Look for clients that take too long, until cancelled.

    Args:
        connections: those that there are, at any time.
        head_timeout_s: see :class:`ConnectionLimits`.
    """
    clock = asyncio.get_running_loop().time
    while True:
        await asyncio.sleep(min(head_timeout_s / _LOOKS_PER_TIMEOUT, _LONGEST_PAUSE_S))
        now_s = clock()
        for connection in list(connections):
            connection.cut_if_late(now_s)


def raise_connection_limit() -> int:
    """Raise the limit of open files as far as the system allows.

    An idle connection costs little, while a limit that idle clients can reach shuts out everybody else, the kubelet's
    probes included. Therefore the number of open files is the only limit.

    Returns:
        How many of them are for clients.
    """
    wanted = MOST_CONNECTIONS + RESERVED_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = max(soft, wanted if hard == resource.RLIM_INFINITY else min(wanted, hard))
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    except ValueError:
        # Some systems name no limit and have one all the same.
        allowed = soft
    return max(1, min(MOST_CONNECTIONS, allowed - RESERVED_FILES))
