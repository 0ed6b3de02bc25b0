"""HTTP requests to the endpoints that pools name, with limits on time, size and redirects.

Errors appear in statuses and Events, which more people may read than the endpoint. They never repeat what it answered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import aclosing
from urllib.parse import urlsplit, urlunsplit

import httpx

from queuecontroller.errors import ReadingFailed
from queuecontroller.http_client import send

MAX_TEXT_BYTES = 32 * 1024 * 1024
"""Far above the metrics of any real API."""
MAX_BODY_BYTES = 8 * 1024 * 1024
"""For bodies that are decoded at once: this many take some tens of milliseconds."""
CHUNK_BYTES = 64 * 1024
"""Bytes that are processed before other pools get their turn."""


class EndpointClient:
    """Sends GET requests. It follows no redirects, so that a pool's URL cannot lead to another host.

    Args:
        client: sends the requests.
    """

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def get(self, url: str, timeout_s: float, params: Mapping[str, str] | None = None) -> bytes:
        """The body of the response of ``url``.

        Args:
            url: http or https.
            timeout_s: limit of the whole request, in seconds.
            params: query parameters.

        Raises:
            ReadingFailed: no response in time, a status other than 200, or a body that is too large.
        """
        body = bytearray()
        await self._receive(url, timeout_s, params, MAX_BODY_BYTES, body.extend)
        return bytes(body)

    async def stream(self, url: str, timeout_s: float, consume: Callable[[bytes], None]) -> None:
        """Pass the body of the response of ``url`` on in chunks, so that a large one neither fills memory nor blocks.

        Args:
            url: http or https.
            timeout_s: limit of the whole request and of all calls of ``consume``, in seconds.
            consume: called with at most :data:`CHUNK_BYTES` at a time; may raise :class:`ReadingFailed`.

        Raises:
            ReadingFailed: as for :meth:`get`.
        """
        await self._receive(url, timeout_s, None, MAX_TEXT_BYTES, consume)

    async def _receive(
        self,
        url: str,
        timeout_s: float,
        params: Mapping[str, str] | None,
        max_bytes: int,
        consume: Callable[[bytes], None],
    ) -> None:
        try:
            async with asyncio.timeout(timeout_s):
                await self._read(url, params, max_bytes, consume)
        except TimeoutError:
            raise ReadingFailed(f"{name_endpoint(url)} did not answer within {timeout_s:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ReadingFailed(f"the request to {name_endpoint(url)} failed: {_describe(error)}") from None

    async def _read(
        self, url: str, params: Mapping[str, str] | None, max_bytes: int, consume: Callable[[bytes], None]
    ) -> None:
        received = 0
        # A compressed body could be any size once it is decompressed.
        headers = {"Accept-Encoding": "identity"}
        request = self._client.build_request("GET", url, params=params, headers=headers)
        async with aclosing(await send(self._client, request, stream=True, follow_redirects=False)) as response:
            if response.status_code != httpx.codes.OK:
                raise ReadingFailed(f"{name_endpoint(url)} answered {response.status_code}")
            if response.headers.get("Content-Encoding", "identity") != "identity":
                raise ReadingFailed(f"{name_endpoint(url)} answered with a compressed body")
            async for chunk in response.aiter_bytes(CHUNK_BYTES):
                received += len(chunk)
                if received > max_bytes:
                    raise ReadingFailed(f"{name_endpoint(url)} answered more than {max_bytes} bytes")
                consume(chunk)
                await asyncio.sleep(0)


def name_endpoint(url: str) -> str:
    """``url`` for messages, without credentials and parameters."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "the endpoint"
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _describe(error: Exception) -> str:
    """The kind of an error, or the reason that the operating system gives. Other texts may quote the response."""
    cause: BaseException | None = error
    reason = ""
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            reason = cause.strerror
        cause = cause.__cause__ or cause.__context__
    return reason or type(error).__name__
