"""Transports: perform the steps of an operation over HTTP. The only module that uses httpx, loaded on first use."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from urllib.parse import urlsplit

from taskyard.client.connection import TokenSource
from taskyard.client.core.call import Answer, Call, Done, Failure, Send, Steps, advance

if TYPE_CHECKING:
    import httpx

R = TypeVar("R")

MAX_CONNECTIONS = 100
KEPT_CONNECTIONS = 20
IDLE_S = 5.0
"""Time that an unused connection is kept: less than the API keeps it, so that a request seldom meets its end."""

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class SyncTransport(Protocol):
    """Sends calls for plain functions."""

    def send(self, call: Call, timeout_s: float) -> Answer | Failure:
        """Send a call and wait for its answer."""

    def close(self) -> None:
        """Close the connections."""


class AsyncTransport(Protocol):
    """Sends calls for coroutines."""

    async def send(self, call: Call, timeout_s: float) -> Answer | Failure:
        """Send a call and wait for its answer."""

    async def aclose(self) -> None:
        """Close the connections."""


def perform(steps: Steps[R], transport: SyncTransport) -> R:
    """Perform an operation; its errors propagate."""
    step = advance(steps, None)
    while not isinstance(step, Done):
        if isinstance(step, Send):
            step = advance(steps, transport.send(step.call, step.timeout_s))
        else:
            time.sleep(step.seconds)
            step = advance(steps, None)
    return step.result


async def perform_async(steps: Steps[R], transport: AsyncTransport) -> R:
    """Perform an operation; its errors propagate."""
    step = advance(steps, None)
    while not isinstance(step, Done):
        if isinstance(step, Send):
            step = advance(steps, await transport.send(step.call, step.timeout_s))
        else:
            await asyncio.sleep(step.seconds)
            step = advance(steps, None)
    return step.result


class HttpTransport:
    """Sends calls over HTTP with kept connections. Any thread may use it.

    Args:
        url: address of the API.
        token: returns the current token.
    """

    def __init__(self, url: str, token: TokenSource) -> None:
        import httpx  # noqa: PLC0415 - slow to load, and not needed by processes that only run tasks

        self._token = token
        self._http = httpx.Client(**_options(url))

    def send(self, call: Call, timeout_s: float) -> Answer | Failure:
        """Send a call and wait for its answer."""
        import httpx  # noqa: PLC0415 - as above

        try:
            return _answer(self._http.request(**_arguments(call, self._token(), timeout_s)))
        except (httpx.TransportError, httpx.DecodingError) as error:
            return _failure(error)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()


class AsyncHttpTransport:
    """Sends calls over HTTP with kept connections, within one event loop.

    Args:
        url: address of the API.
        token: returns the current token.
    """

    def __init__(self, url: str, token: TokenSource) -> None:
        import httpx  # noqa: PLC0415 - slow to load, and not needed by processes that only run tasks

        self._token = token
        self._http = httpx.AsyncClient(**_options(url))

    async def send(self, call: Call, timeout_s: float) -> Answer | Failure:
        """Send a call and wait for its answer."""
        import httpx  # noqa: PLC0415 - as above

        try:
            async with asyncio.timeout(timeout_s):
                return _answer(await self._http.request(**_arguments(call, self._token(), timeout_s)))
        except (httpx.TransportError, httpx.DecodingError) as error:
            return _failure(error)
        except TimeoutError:
            return Failure(f"no answer within {timeout_s:.3g}s", sent=True)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()


def _options(url: str) -> dict[str, Any]:
    import httpx  # noqa: PLC0415 - as above

    return {
        "base_url": url,
        "limits": httpx.Limits(
            max_connections=MAX_CONNECTIONS, max_keepalive_connections=KEPT_CONNECTIONS, keepalive_expiry=IDLE_S
        ),
        # The proxies of the environment are for other machines.
        "trust_env": urlsplit(url).hostname not in _LOOPBACK,
    }


def _arguments(call: Call, token: str | None, timeout_s: float) -> dict[str, Any]:
    headers = dict(call.headers)
    if call.body is not None:
        headers["Content-Type"] = "application/json"
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    return {"method": call.method, "url": call.path, "content": call.body, "headers": headers, "timeout": timeout_s}


def _answer(response: httpx.Response) -> Answer:
    return Answer(
        response.status_code, {name.lower(): text for name, text in response.headers.items()}, response.content
    )


def _failure(error: Exception) -> Failure:
    import httpx  # noqa: PLC0415 - as above

    never_sent = isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout))
    return Failure(f"{type(error).__name__}: {error}".rstrip(": "), sent=not never_sent)
