"""HEAD and OPTIONS for every route."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING, Final

from litestar.enums import ScopeType

if TYPE_CHECKING:
    from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send

_NO_ROUTE_TAKES: Final = "TRACE"


class HeadRequests:
    """ASGI middleware: answers HEAD wherever there is GET, with the same headers and no body.

    Args:
        app: answers all other requests.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Pass a request on."""
        if scope["type"] == ScopeType.HTTP and scope["method"] == "HEAD":
            return self._answer(scope, receive, send)
        return self._app(scope, receive, send)

    async def _answer(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        async def send_head(message: Message) -> None:
            if message["type"] == "http.response.body":
                message["body"] = b""
            await send(message)

        got = scope.copy()
        got["method"] = "GET"
        await self._app(got, receive, send_head)
        if "path_template" in got:
            scope["path_template"] = got["path_template"]


class OptionsRequests:
    """ASGI middleware: answers OPTIONS with the methods that a path takes.

    Litestar's own answer names only the method that was registered first. Its 405 responses name all of them.

    Args:
        app: answers all other requests; refuses a method with 405 and ``Allow``.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
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

        asked = scope.copy()
        asked["method"] = _NO_ROUTE_TAKES
        await self._app(asked, receive, send_methods)
