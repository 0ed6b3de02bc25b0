"""HTTP requests to the endpoints that pools name, with limits on time, size and redirects."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import aclosing

import httpx

from queuecontroller.errors import ReadingFailed
from queuecontroller.http_client import send

MAX_ANSWER_BYTES = 32 * 1024 * 1024
"""Far above the metrics of any real API."""


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
        try:
            async with asyncio.timeout(timeout_s):
                return await self._read(url, params)
        except TimeoutError:
            raise ReadingFailed(f"{url} did not answer within {timeout_s:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ReadingFailed(f"the request to {url} failed: {str(error) or type(error).__name__}") from error

    async def _read(self, url: str, params: Mapping[str, str] | None) -> bytes:
        body = bytearray()
        request = self._client.build_request("GET", url, params=params)
        async with aclosing(await send(self._client, request, stream=True, follow_redirects=False)) as response:
            if response.status_code != httpx.codes.OK:
                raise ReadingFailed(f"{url} answered {response.status_code}")
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > MAX_ANSWER_BYTES:
                    raise ReadingFailed(f"{url} answered more than {MAX_ANSWER_BYTES} bytes")
        return bytes(body)
