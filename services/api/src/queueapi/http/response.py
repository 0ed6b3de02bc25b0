"""ASGI responses with an encoded body.

Handlers return these instead of Litestar's responses, which resolve types and options for each request.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from queueapi.errors import JSON_TYPE

if TYPE_CHECKING:
    from litestar.types import Receive, Scope, Send

encode = msgspec.json.Encoder().encode
"""Encode a body as JSON."""


class JsonResponse:
    """A response with a complete body.

    Args:
        body: the encoded body.
        status: the HTTP status.
        headers: further headers.
        media_type: media type of the body.
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
        """Send the response."""
        headers = [(b"content-type", self.media_type), (b"content-length", b"%d" % len(self.body))]
        if self.headers:
            headers += [(name.lower().encode(), value.encode()) for name, value in self.headers.items()]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": False})


def json_response(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> JsonResponse:
    """A response whose body is encoded as JSON."""
    return JsonResponse(encode(body), status, headers)
