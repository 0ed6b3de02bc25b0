"""Serving an ASGI app over HTTP until the process is asked to stop."""

from __future__ import annotations

import asyncio
import logging
import socket

import structlog
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server

from queueapi.app import Api
from queueapi.connection_limit import raise_connection_limit
from queueapi.settings import ApiSettings
from queuecore.errors import ConfigError
from queuecore.process import StopSignals

log = structlog.get_logger()

_BACKLOG = 2_048


async def serve(settings: ApiSettings, api: Api, stop: StopSignals) -> int:
    """Serve until ``stop``, then let the requests under way end.

    Returns:
        The exit code.

    Raises:
        ConfigError: the address or the port cannot be had.
    """
    address = find_address(settings.host, settings.port)
    server = _server(settings, api, address)
    serving = asyncio.create_task(server.serve())
    stopping = asyncio.create_task(stop.wait())
    log.info("api_started", url=f"http://{settings.host}:{settings.port}")
    await asyncio.wait([serving, stopping], return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not stop.asked:
        log.error("server_ended", exc_info=serving.exception())
        return 1
    api.readiness.start_draining()
    server.stop()  # type: ignore[no-untyped-call]  # granian has no annotation there
    return await _drain(serving, settings.drain_ms / 1000)


def find_address(host: str, port: int) -> str:
    """The address to listen on.

    The server itself shares a port with any other that is willing to, so a port that is taken must be found out here.

    Raises:
        ConfigError: there is no such address here, or the port is taken.
    """
    try:
        family, _, _, _, found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except socket.gaierror as error:
        raise ConfigError(f"TASKYARD_API_HOST: {host} is not an address of this machine ({error.strerror})") from error
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(found)
            probe.listen()
        except OSError as error:
            raise ConfigError(
                f"TASKYARD_API_PORT: cannot listen on port {port} of {host} ({error.strerror}); it takes a free port"
            ) from error
    return str(found[0])


async def _drain(serving: asyncio.Task[None], timeout_s: float) -> int:
    done, _ = await asyncio.wait([serving], timeout=timeout_s)
    if not done:
        log.warning("drain_cut_off", after_s=timeout_s)
        serving.cancel()
        return 0
    if error := serving.exception():
        log.error("server_ended", exc_info=error)
        return 1
    log.info("api_stopped")
    return 0


def _server(settings: ApiSettings, api: Api, address: str) -> Server:
    server = Server(
        api.asgi,
        address=address,
        port=settings.port,
        interface=Interfaces.ASGI,
        http=HTTPModes.http1,
        websockets=False,
        backlog=_BACKLOG,
        backpressure=raise_connection_limit(),
        http1_settings=HTTP1Settings(header_read_timeout=settings.header_timeout_ms),
        log_access=False,
        log_dictconfig={"loggers": {}, "handlers": {}, "formatters": {}},
    )
    # Its notes on the start say what ours say; what is left takes the form of all our logs.
    logging.getLogger("_granian").setLevel(logging.ERROR)
    return server
