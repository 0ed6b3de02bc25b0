"""Unread responses: bounds the bytes that wait for clients to read them."""

from __future__ import annotations

from typing import Protocol


class UnreadResponse(Protocol):
    """A connection whose client reads more slowly than the API writes."""

    def abort(self) -> None:
        """Drop the connection and what waits for its client."""


class UnreadResponses:
    """Counts the bytes that wait in write buffers.

    Beyond the limit, the connections that have been behind for the longest time are aborted: a client that reads
    catches up soon, and one that never reads is first.

    Args:
        limit_bytes: limit of all write buffers that have filled up.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._sizes: dict[UnreadResponse, int] = {}
        """In the order in which the buffers filled up."""
        self.total_bytes = 0

    def add(self, connection: UnreadResponse, size_bytes: int) -> None:
        """Count a write buffer that has filled up."""
        self.remove(connection)
        self._sizes[connection] = size_bytes
        self.total_bytes += size_bytes
        while self.total_bytes > self._limit_bytes and len(self._sizes) > 1:
            oldest = next(iter(self._sizes))
            self.remove(oldest)
            oldest.abort()

    def remove(self, connection: UnreadResponse) -> None:
        """Stop counting a write buffer that has emptied, or whose connection is lost."""
        self.total_bytes -= self._sizes.pop(connection, 0)
