"""HTTP load generator with low overhead, because it shares the machine with the server under test."""

from __future__ import annotations

import asyncio
import time
from typing import cast


class Client(asyncio.Protocol):
    """One keep-alive connection that sends the next request when the previous one is answered."""

    def __init__(self, request: bytes, expected: bytes, ends_at: float) -> None:
        self._request = request
        self._expected = expected
        self._ends_at = ends_at
        self._buffer = b""
        self.answered = 0
        self.refused: bytes | None = None
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first request."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Count a complete response, and send the next request."""
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        if not found or len(body) < _content_length(head):
            return
        if not head.startswith(self._expected):
            self.refused = self._buffer
            self._transport.close()
            return
        self._buffer = b""
        self.answered += 1
        if time.perf_counter() < self._ends_at:
            self._transport.write(self._request)
        else:
            self._transport.close()

    def connection_lost(self, _: Exception | None) -> None:
        """Finish."""
        if not self.done.done():
            self.done.set_result(None)


async def post_for(port: int, path: str, body: bytes, *, connections: int, seconds: float) -> tuple[int, float]:
    """Post the same body repeatedly.

    Returns:
        The number of 2xx responses, and the duration in seconds.

    Raises:
        RuntimeError: a request was refused; the message is the response.
    """
    request = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body
    began = time.perf_counter()
    loop = asyncio.get_running_loop()
    clients = []
    for _ in range(connections):
        _, client = await loop.create_connection(
            lambda: Client(request, b"HTTP/1.1 2", began + seconds), "127.0.0.1", port
        )
        clients.append(client)
    await asyncio.gather(*(client.done for client in clients))
    took = time.perf_counter() - began
    if refused := next((client.refused for client in clients if client.refused), None):
        raise RuntimeError(refused.decode())
    return sum(client.answered for client in clients), took


def _content_length(head: bytes) -> int:
    lower = head.lower()
    at = lower.find(b"content-length:")
    return int(lower[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
