"""Reading a request's body, bounded in size and in time."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from queueapi.errors import ApiError, invalid_request, payload_too_large

if TYPE_CHECKING:
    from litestar.types import Receive, Scope


LINGER_BYTES = 1024**2
"""How much of a body that is too large is read beyond the limit, for the client's sake."""
LINGER_S = 1.0
"""For how long at most."""


class BodyReader:
    """Reads bodies.

    Args:
        limit_bytes: the most that a body may have.
        timeout_s: the longest that a client may take to send it.
    """

    def __init__(self, limit_bytes: int, timeout_s: float) -> None:
        self._limit_bytes = limit_bytes
        self._timeout_s = timeout_s
        self._expired: set[asyncio.Task[Any]] = set()

    async def read(self, scope: Scope, receive: Receive) -> bytes:
        """The whole body.

        Raises:
            ApiError: it is too large, did not come in time, or the client went away.
        """
        announced = _announced_length(scope)
        task = asyncio.current_task()
        assert task is not None
        # What asyncio.timeout does, at a third of its cost: this is on the way of every task.
        timer = asyncio.get_running_loop().call_later(self._timeout_s, self._expire, task)
        try:
            return await self._receive_all(receive, announced)
        except asyncio.CancelledError:
            if task not in self._expired:
                raise
            self._expired.discard(task)
            task.uncancel()
            raise _too_slow() from None
        finally:
            timer.cancel()

    def _expire(self, task: asyncio.Task[Any]) -> None:
        self._expired.add(task)
        task.cancel()

    async def _receive_all(self, receive: Receive, announced: int | None) -> bytes:
        if announced is not None and announced > self._limit_bytes:
            if announced <= self._limit_bytes + LINGER_BYTES:
                await _discard(receive, announced)
            raise self._too_large()
        parts: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] != "http.request":
                raise invalid_request("the client closed the connection before the body had ended")
            parts.append(message["body"])
            size += len(message["body"])
            if size > self._limit_bytes:
                await _discard(receive, LINGER_BYTES)
                raise self._too_large()
            # The server says only in a message of its own that the body has ended; each costs a switch of threads.
            if size == announced or not message["more_body"]:
                return parts[0] if len(parts) == 1 else b"".join(parts)

    def _too_large(self) -> ApiError:
        return payload_too_large("the body", self._limit_bytes, "TASKYARD_API_MAX_BODY")


async def _discard(receive: Receive, most_bytes: int) -> None:
    """Read on: a connection that is closed with unread bytes is reset, and the client may never see the answer."""
    size = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(LINGER_S):
            while size < most_bytes:
                message = await receive()
                if message["type"] != "http.request" or not message["more_body"]:
                    return
                size += len(message["body"])


def _too_slow() -> ApiError:
    return ApiError(408, "REQUEST_TIMEOUT", "the body did not arrive in time", headers={"Connection": "close"})


def _announced_length(scope: Scope) -> int | None:
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value) if value.isdigit() else None
    return None
