"""HTTP server: serve the ASGI app until a stop signal, then drain."""

from __future__ import annotations

import asyncio
import logging
import math
import socket
from collections.abc import Collection, Generator
from contextlib import contextmanager
from functools import partial
from typing import cast

import structlog
from uvicorn import Config, Server

from queueapi.app import Api
from queueapi.http.connection import BoundedConnection, ConnectionLimits, close_slow_connections, raise_connection_limit
from queueapi.http.unread import UnreadResponses
from queueapi.settings import ApiSettings
from queuecore.errors import ConfigError
from queuecore.process import StopSignals

log = structlog.get_logger()

_BACKLOG = 2_048
_LINGER_POLL_S = 0.05


async def serve(settings: ApiSettings, api: Api, stop: StopSignals) -> int:
    """Serve until ``stop``, then drain.

    From ``stop`` on, each response announces that its connection closes, so that clients send the next request
    elsewhere. After ``settings.linger_ms``, or once no connection is open, the listening socket and idle connections
    close, and the requests in flight finish.

    Returns:
        The exit code.

    Raises:
        ConfigError: the address or the port cannot be bound.
    """
    limits = ConnectionLimits(
        raise_connection_limit(),
        settings.header_timeout_ms / 1000,
        settings.read_timeout_ms / 1000,
        UnreadResponses(settings.unread_limit_bytes),
    )
    listener = listen(settings.host, settings.port)
    draining = asyncio.Event()
    server = _Server(_config(api, limits, draining))
    connections = cast("set[BoundedConnection]", server.server_state.connections)
    serving = asyncio.create_task(server.serve([listener]))
    closing = asyncio.create_task(close_slow_connections(connections, limits))
    stopping = asyncio.create_task(stop.wait())
    log.info("api_started", url=f"http://{settings.host}:{settings.port}")
    await asyncio.wait([serving, closing, stopping], return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not stop.asked:
        log.error("server_failed", exc_info=(serving if serving.done() else closing).exception())
        closing.cancel()
        return 1
    api.readiness.start_draining()
    draining.set()
    for connection in connections:
        connection.announce_close()
    try:
        linger_s = min(settings.linger_ms, settings.drain_ms) / 1000
        await _linger(connections, linger_s)
        return await _drain(server, serving, settings.drain_ms / 1000 - linger_s)
    finally:
        closing.cancel()


def listen(host: str, port: int) -> socket.socket:
    """A listening socket.

    Raises:
        ConfigError: the address does not exist on this machine, or the port is in use.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except socket.gaierror as error:
        raise ConfigError(f"TASKYARD_API_HOST: {host} is not an address of this machine ({error.strerror})") from error
    dual = family == socket.AF_INET6 and socket.has_dualstack_ipv6()
    try:
        return socket.create_server(address[:2], family=family, backlog=_BACKLOG, dualstack_ipv6=dual)
    except OSError as error:
        raise ConfigError(
            f"TASKYARD_API_PORT: cannot listen on port {port} of {host} ({error.strerror}); it takes a free port"
        ) from error


async def _linger(connections: Collection[BoundedConnection], timeout_s: float) -> None:
    """Wait until clients have left, each after its next response, or the time has passed."""
    clock = asyncio.get_running_loop().time
    end_s = clock() + timeout_s
    while connections and clock() < end_s:  # noqa: ASYNC110 - the set is uvicorn's, which signals nothing
        await asyncio.sleep(_LINGER_POLL_S)


async def _drain(server: Server, serving: asyncio.Task[None], timeout_s: float) -> int:
    server.should_exit = True
    done, _ = await asyncio.wait([serving], timeout=timeout_s)
    if not done:
        log.warning("drain_timed_out", after_s=timeout_s)
        serving.cancel()
        return 0
    if error := serving.exception():
        log.error("server_failed", exc_info=error)
        return 1
    log.info("api_stopped")
    return 0


class _Server(Server):
    """A Uvicorn server that leaves signal handling to the process."""

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Install no handlers."""
        yield


def _config(api: Api, limits: ConnectionLimits, draining: asyncio.Event) -> Config:
    # Its start-up lines repeat ours, and its warnings are about clients' mistakes.
    logging.getLogger("uvicorn").setLevel(logging.ERROR)
    return Config(
        api.asgi,
        http=partial(BoundedConnection, limits, draining),  # type: ignore[arg-type]  # it is called, and nothing else
        loop="none",
        ws="none",
        lifespan="on",
        interface="asgi3",
        backlog=_BACKLOG,
        timeout_keep_alive=math.ceil(limits.head_timeout_s),
        proxy_headers=False,
        server_header=False,
        access_log=False,
        log_config=None,
    )
