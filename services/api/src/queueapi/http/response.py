"""BatchReply as ASGI sends them.

Handlers return these in place of Litestar's responses: what is sent is known, and nothing is looked up per request.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from queueapi.errors import JSON_TYPE

if TYPE_CHECKING:
    from litestar.types import Receive, Scope, Send

encode = msgspec.json.Encoder().encode
"""The JSON of a body."""


class JsonResponse:
    """A whole answer.

    Args:
        body: its bytes.
        status: the HTTP status.
        headers: further headers.
        media_type: what the bytes are.
    """

    __slots__ = ("body", "headers", "media_type", "status")

    def __init__(
        self, body: bytes, status: int = 200, headers: Mapping[str, str] | None = None, media_type: bytes = JSON_TYPE
    ) -> None:
        self.body = body
        self.status = status
        self.headers = headers
        self.media_type = media_type

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Send it."""
        headers = [(b"content-type", self.media_type), (b"content-length", b"%d" % len(self.body))]
        if self.headers:
            headers += [(name.lower().encode(), value.encode()) for name, value in self.headers.items()]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": False})


def json_response(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> JsonResponse:
    """An answer with a JSON body."""
    return JsonResponse(encode(body), status, headers)
