"""Client connections with limits on the time and the size of a request's head, its trailers and unread responses.

Uvicorn alone waits forever for the rest of a head, buffers all of it, and adds trailers to the headers of a request
that a route is already reading. It answers pipelined requests of a client that reads no responses, and waits forever
for it to read. Instead of one timer per connection, :func:`close_slow_connections` checks all connections periodically.
"""

from __future__ import annotations

import asyncio
import resource
import select
from collections.abc import Iterable
from typing import NamedTuple

import msgspec
from uvicorn._types import ASGI3Application
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from queueapi.errors import JSON_TYPE
from queueapi.http.unread import UnreadResponses

MAX_CONNECTIONS = 65_536
RESERVED_FILES = 256
"""File descriptors for the store's connections, logs and the runtime."""
MAX_HEAD_BYTES = 64 * 1024
"""Maximum size of a request's line and headers."""
MAX_TRAILER_BYTES = 64 * 1024
"""Maximum size of the bytes after the end of a chunked body, or between two chunks."""
_HEAD_TOO_LARGE = f"the request's line and headers are larger than {MAX_HEAD_BYTES} bytes"
_TRAILERS_TOO_LARGE = f"the request's trailers are larger than {MAX_TRAILER_BYTES} bytes"
_FIELDS_TOO_LARGE = b"431 Request Header Fields Too Large"
_FIRST_REQUEST_S = 1.0
_CHECKS_PER_TIMEOUT = 10
_MAX_CHECK_INTERVAL_S = 1.0


class ConnectionLimits(NamedTuple):
    """Limits for clients."""

    most: int
    """Concurrent connections; further ones are closed at once."""
    head_timeout_s: float
    """Time limit for a client to send a request's head, idle time included."""
    read_timeout_s: float
    """Time limit for a client to read the next part of a response."""
    unread: UnreadResponses
    """Counts the responses that wait for their clients."""


class _DroppedFields(list[tuple[bytes, bytes]]):
    """Receives the fields of trailers and keeps none.

    A trailer must not act as a header: proxies and authentication in front of the API check headers only.
    """

    def append(self, _field: tuple[bytes, bytes]) -> None:
        """Drop a field."""


_DROPPED_FIELDS = _DroppedFields()


class BoundedConnection(HttpToolsProtocol):
    """An HTTP/1.1 connection with limits.

    Args:
        limits: limits for the client.
        draining: set when the process shuts down: each response then announces that the connection closes.
        config, server_state, app_state, _loop: as Uvicorn passes them.
    """

    def __init__(
        self,
        limits: ConnectionLimits,
        draining: asyncio.Event,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, object],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._limits = limits
        self._draining = draining
        self._shutting_down = False
        self._answering: RequestResponseCycle | None = None
        """The request that the application is answering, or has answered last; pipelined ones wait."""
        self._head_bytes: int | None = None
        """Bytes of the current head received so far; ``None`` between heads."""
        self._trailer_bytes: int | None = None
        """Bytes since the last ones of a body; ``None`` between bodies."""
        self._body_arrived = False
        self._awaits_head_since_s: float | None = None
        """On the event loop's clock; ``None`` while a request is in flight."""
        self._unread_bytes = 0
        """Size of the write buffer when it was last seen to shrink; 0 unless it has filled up."""
        self._reads_since_s = 0.0
        """When that was, on the event loop's clock."""
        self._completion_waits = False
        """True while a complete response waits in a full write buffer."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # Uvicorn's signature
        """Start the head's time limit, and close the connection if there are too many."""
        super().connection_made(transport)
        self._await_head()
        if len(self.connections) > self._limits.most:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has gone; responses to all of its requests are dropped, pipelined ones included."""
        super().connection_lost(exc)
        self._limits.unread.remove(self)
        for cycle in (self._answering, *(cycle for cycle, _ in self.pipeline)):
            if cycle is not None:
                cycle.disconnected = True
                cycle.message_event.set()
        self.pipeline.clear()

    def data_received(self, data: bytes) -> None:
        """Refuse a head or trailers that grow too large."""
        self._body_arrived = False
        super().data_received(data)
        if self._head_bytes is not None:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self._refuse(_FIELDS_TOO_LARGE, _HEAD_TOO_LARGE)
        elif self._trailer_bytes is not None:
            self._trailer_bytes = 0 if self._body_arrived else self._trailer_bytes + len(data)
            if self._trailer_bytes > MAX_TRAILER_BYTES:
                self._refuse(_FIELDS_TOO_LARGE, _TRAILERS_TOO_LARGE)

    def on_message_begin(self) -> None:
        """Start counting the bytes of a head."""
        self._head_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Stop the head's limits: the request is in flight."""
        self._head_bytes = self._awaits_head_since_s = None
        self._trailer_bytes = 0
        super().on_headers_complete()
        self.headers = _DROPPED_FIELDS
        if self._draining.is_set():
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        """Note that a part of the body has arrived."""
        self._body_arrived = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Stop counting the bytes of trailers."""
        self._trailer_bytes = None
        super().on_message_complete()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._answering = cycle
        super()._start_asgi_task(cycle, app)

    def on_response_complete(self) -> None:
        """Start the time limit of the next head. The client may still be sending this request's body.

        While the write buffer is full, the next request waits: each response would add to the buffer.
        """
        if self.flow.write_paused and not self.transport.is_closing():
            self._completion_waits = True
            self.flow.pause_reading()
            return
        # A pipelined request: its head is complete already.
        if not self.pipeline:
            self._await_head()
        super().on_response_complete()
        if self._shutting_down:
            self._close_if_idle()

    def pause_writing(self) -> None:
        """Count the write buffer, which has filled up, as unread."""
        super().pause_writing()
        self._unread_bytes = self.transport.get_write_buffer_size()
        self._reads_since_s = self.loop.time()
        self._limits.unread.add(self, self._unread_bytes)

    def resume_writing(self) -> None:
        """Go on after the client has read most of the write buffer."""
        super().resume_writing()
        self._unread_bytes = 0
        self._limits.unread.remove(self)
        if self._completion_waits:
            self._completion_waits = False
            self.on_response_complete()

    def abort(self) -> None:
        """Drop the connection and its unread responses."""
        self.transport.abort()

    def announce_close(self) -> None:
        """Let the response to the last request in flight announce that the connection closes."""
        cycle = self._last_request
        if cycle is not None and not cycle.response_started:
            cycle.keep_alive = False

    def shutdown(self) -> None:
        """Close the connection, but answer a request that is in flight or has begun to arrive.

        A client that has just connected gets a moment to send its first request.
        """
        self._shutting_down = True
        if self._last_request is None:
            self.loop.call_later(_FIRST_REQUEST_S, self._close_if_idle)
        else:
            self._close_if_idle()

    @property
    def _last_request(self) -> RequestResponseCycle | None:
        """The last request whose head has arrived; ``None`` before the first."""
        return self.cycle

    def _close_if_idle(self) -> None:
        cycle = self._last_request
        answered = cycle is None or cycle.response_complete
        if answered and self._head_bytes is None and not self.transport.is_closing() and not self._has_unread_bytes():
            self.transport.close()

    def _has_unread_bytes(self) -> bool:
        poll = select.poll()
        poll.register(self.transport.get_extra_info("socket").fileno(), select.POLLIN)
        return bool(poll.poll(0))

    def send_400_response(self, msg: str) -> None:
        """Refuse bytes that are not HTTP."""
        self._refuse(b"400 Bad Request", msg)

    def close_if_slow(self, now_s: float) -> None:
        """Close the connection if its client has exceeded the time limit for a head or for reading a response."""
        if self._unread_bytes:
            self._close_if_unread(now_s)
            return
        since_s = self._awaits_head_since_s
        if since_s is not None and now_s - since_s > self._limits.head_timeout_s:
            self.transport.abort()

    def _close_if_unread(self, now_s: float) -> None:
        size_bytes = self.transport.get_write_buffer_size()
        if size_bytes < self._unread_bytes:
            self._unread_bytes, self._reads_since_s = size_bytes, now_s
        elif now_s - self._reads_since_s > self._limits.read_timeout_s:
            self.transport.abort()

    def _await_head(self) -> None:
        self._awaits_head_since_s = self.loop.time()

    def _refuse(self, status: bytes, message: str) -> None:
        """Send an error and close the connection, after the responses to the requests before the faulty one."""
        if self.transport.is_closing():
            return
        cycle = self._last_request
        if cycle is not None and not cycle.response_complete:
            if cycle.response_started or not cycle.more_body or self.pipeline:
                # The client would mistake the error for the response to an earlier request.
                cycle.keep_alive = False
                self.flow.pause_reading()
                return
            cycle.disconnected = True
            cycle.message_event.set()
        body = msgspec.json.encode({"error": message, "code": "INVALID_REQUEST"})
        self.transport.write(
            b"HTTP/1.1 %b\r\nconnection: close\r\ncontent-type: %b\r\ncontent-length: %d\r\n\r\n%b"
            % (status, JSON_TYPE, len(body), body)
        )
        self.transport.close()


async def close_slow_connections(connections: Iterable[BoundedConnection], limits: ConnectionLimits) -> None:
    """Close connections whose client exceeds a time limit; runs until cancelled.

    Args:
        connections: the open connections, a live view.
        limits: the time limits.
    """
    clock = asyncio.get_running_loop().time
    shortest_s = min(limits.head_timeout_s, limits.read_timeout_s)
    while True:
        await asyncio.sleep(min(shortest_s / _CHECKS_PER_TIMEOUT, _MAX_CHECK_INTERVAL_S))
        now_s = clock()
        for connection in list(connections):
            connection.close_if_slow(now_s)


def raise_connection_limit() -> int:
    """Raise the limit of open files to the maximum that the system allows.

    Idle connections are cheap, but a connection limit that idle clients can exhaust locks out all other clients,
    including the kubelet's probes. The number of open files is therefore the only limit.

    Returns:
        Number of connections available to clients.
    """
    wanted = MAX_CONNECTIONS + RESERVED_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = max(soft, wanted if hard == resource.RLIM_INFINITY else min(wanted, hard))
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    except ValueError:
        # Some systems report no limit but enforce one.
        allowed = soft
    return max(1, min(MAX_CONNECTIONS, allowed - RESERVED_FILES))
