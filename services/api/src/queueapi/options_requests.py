"""OPTIONS: which methods a path takes.

The framework's own answer names only the method that was registered first. It knows better when it refuses a method.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from litestar.enums import ScopeType

if TYPE_CHECKING:
    from litestar.types import ASGIApp, Message, Receive, Scope, Send

_NO_ROUTE_TAKES: Final = "TRACE"


class OptionsRequests:
    """An ASGI app that answers OPTIONS by another's refusals.

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
