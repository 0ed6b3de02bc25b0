"""HEAD wherever there is GET, as HTTP asks for: the same answer without its body."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING

from litestar.enums import ScopeType

if TYPE_CHECKING:
    from litestar.types import ASGIApp, HTTPScope, Message, Receive, Scope, Send


class HeadRequests:
    """An ASGI app that answers HEAD by another's GET.

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
