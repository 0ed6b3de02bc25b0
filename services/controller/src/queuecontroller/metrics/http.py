"""Asking an endpoint that a pool names, and trusting it no further than needed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import httpx

from queuecontroller.errors import ReadingFailed

MAX_ANSWER_BYTES = 32 * 1024 * 1024
"""No api has so many queues."""


class Endpoints:
    """Asks endpoints. Follows no redirects: a pool's URL shall not lead elsewhere.

    Args:
        client: sends the requests.
    """

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def get(self, url: str, timeout_s: float, params: Mapping[str, str] | None = None) -> bytes:
        """The answer of ``url``.

        Args:
            url: http or https.
            timeout_s: for the whole answer, not only for a part of it.
            params: the query.

        Raises:
            ReadingFailed: there was no answer in time, another one than 200, or one that is too long.
        """
        try:
            async with asyncio.timeout(timeout_s):
                return await self._read(url, params)
        except TimeoutError:
            raise ReadingFailed(f"{url} did not answer within {timeout_s:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ReadingFailed(f"{url} cannot be asked: {str(error) or type(error).__name__}") from error

    async def _read(self, url: str, params: Mapping[str, str] | None) -> bytes:
        body = bytearray()
        async with self._client.stream("GET", url, params=params, follow_redirects=False) as answer:
            if answer.status_code != httpx.codes.OK:
                raise ReadingFailed(f"{url} answered {answer.status_code}")
            async for chunk in answer.aiter_bytes():
                body += chunk
                if len(body) > MAX_ANSWER_BYTES:
                    raise ReadingFailed(f"{url} answered more than {MAX_ANSWER_BYTES} bytes")
        return bytes(body)
