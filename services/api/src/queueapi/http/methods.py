"""HEAD and OPTIONS for every route."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING, Final

from litestar.enums import ScopeType

if TYPE_CHECKING:
    from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

_UNROUTED_METHOD: Final = "TRACE"


class HeadRequests:
    """ASGI middleware: answers HEAD on every GET route, with the same headers and no body.

    Args:
        app: handles all other requests.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Handle a request."""
        if scope["type"] == ScopeType.HTTP and scope["method"] == "HEAD":
            return self._answer(scope, receive, send)
        return self._app(scope, receive, send)

    async def _answer(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        async def send_head(message: Message) -> None:
            if message["type"] == "http.response.body":
                message["body"] = b""
            await send(message)

        get = scope.copy()
        get["method"] = "GET"
        await self._app(get, receive, send_head)
        if "path_template" in get:
            scope["path_template"] = get["path_template"]


class OptionsRequests:
    """ASGI middleware: answers OPTIONS with the methods that a path allows.

    Litestar's own response lists only the method registered first, but its 405 responses list all of them.

    Args:
        app: handles all other requests; it answers an unknown method with 405 and ``Allow``.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != ScopeType.HTTP or scope["method"] != "OPTIONS":
            await self._app(scope, receive, send)
            return
        refused = False

        async def send_methods(message: Message) -> None:
            nonlocal refused
            if message["type"] == "http.response.start":
                refused = message["status"] == 405
                if refused:
                    allowed = [pair for pair in message["headers"] if pair[0].lower() == b"allow"]
                    message = {**message, "status": 204, "headers": allowed}
            elif refused and message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        probe = scope.copy()
        probe["method"] = _UNROUTED_METHOD
        await self._app(probe, receive, send_methods)
