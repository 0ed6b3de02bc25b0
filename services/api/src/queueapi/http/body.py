"""Request bodies, read with a size limit, a time limit, and a budget that all bodies share.

After a body is refused, the server reads and discards the rest for a while: closing a connection with unread bytes
resets it, and the client might never see the response.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from queueapi.errors import ApiError, invalid_request, overloaded, payload_too_large
from queueapi.http.budget import ByteBudget

if TYPE_CHECKING:
    from litestar.types import Receive, Scope


class BodyReader:
    """Reads request bodies.

    Args:
        limit_bytes: maximum size of a body.
        timeout_s: time limit for a client to send a body.
        budget: bounds the bodies of all requests together.
        setting: the variable that sets the size limit, for error messages; empty if none does.
    """

    def __init__(self, limit_bytes: int, timeout_s: float, budget: ByteBudget, setting: str = "") -> None:
        self._limit_bytes = limit_bytes
        self._timeout_s = timeout_s
        self._budget = budget
        self._setting = setting
        self._expired: set[asyncio.Task[Any]] = set()

    async def read(self, scope: Scope, receive: Receive) -> bytes:
        """The whole body; the caller returns its bytes to the budget with :meth:`release`.

        Raises:
            ApiError: the body is too large or too slow or exceeds the budget, or the client disconnected.
        """
        announced = _announced_length(scope)
        task = asyncio.current_task()
        assert task is not None
        # Same effect as asyncio.timeout at a third of its cost: every task takes this path.
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

    def release(self, body: bytes) -> None:
        """Return the bytes of a body to the budget, after its request has been handled."""
        self._budget.release(len(body))

    def _expire(self, task: asyncio.Task[Any]) -> None:
        self._expired.add(task)
        task.cancel()

    async def _receive_all(self, receive: Receive, announced: int | None) -> bytes:
        if announced is not None and announced > self._limit_bytes:
            raise self._too_large()
        size = taken = 0
        whole: bytearray | None = None
        try:
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    raise invalid_request("the client closed the connection before the body had ended")
                part = message["body"]
                size += len(part)
                if size > self._limit_bytes:
                    raise self._too_large()
                if not self._budget.take(len(part), size):
                    raise overloaded()
                taken = size
                last = size == announced or not message["more_body"]
                if last and whole is None:
                    body = part
                else:
                    # One buffer, because a list of tiny parts takes many times their size.
                    whole = bytearray() if whole is None else whole
                    whole += part
                    body = bytes(whole) if last else b""
                if last:
                    taken = 0
                    return body
        finally:
            self._budget.release(taken)

    def _too_large(self) -> ApiError:
        return payload_too_large("the body", self._limit_bytes, self._setting)


def _too_slow() -> ApiError:
    return ApiError(408, "REQUEST_TIMEOUT", "the body did not arrive in time")


def _announced_length(scope: Scope) -> int | None:
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value) if value.isdigit() else None
    return None
