from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

import pytest
from uvicorn import Config, Server
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tests.support.declared_bound import assert_bounded_to_minor


def test_uvicorn_is_bounded_to_the_installed_minor() -> None:
    assert_bounded_to_minor("taskyard-api", "uvicorn")


@pytest.mark.parametrize(
    ("method", "parameters"),
    [
        (HttpToolsProtocol.__init__, ["self", "config", "server_state", "app_state", "_loop"]),
        (HttpToolsProtocol.connection_made, ["self", "transport"]),
        (HttpToolsProtocol.data_received, ["self", "data"]),
        (HttpToolsProtocol.on_message_begin, ["self"]),
        (HttpToolsProtocol.on_headers_complete, ["self"]),
        (HttpToolsProtocol.on_response_complete, ["self"]),
        (HttpToolsProtocol.send_400_response, ["self", "msg"]),
        (Server.capture_signals, ["self"]),
    ],
    ids=lambda each: getattr(each, "__qualname__", ""),
)
def test_uvicorn_method_has_the_parameters_of_ours_when_we_override_it(
    method: Callable[..., Any], parameters: list[str]
) -> None:
    assert list(inspect.signature(method).parameters) == parameters


def test_uvicorn_server_takes_sockets() -> None:
    inspect.signature(Server.serve).bind("self", ["socket"])


async def test_connection_of_uvicorn_keeps_what_we_read() -> None:
    server = Server(_config())

    connection = HttpToolsProtocol(server.config, server.server_state, {})

    assert connection.loop is asyncio.get_running_loop()
    assert connection.connections is server.server_state.connections
    assert not connection.pipeline
    assert hasattr(connection, "transport")


def test_server_of_uvicorn_ends_when_asked() -> None:
    assert Server(_config()).should_exit is False


def test_uvicorn_calls_what_makes_connections() -> None:
    def connect(**_: object) -> HttpToolsProtocol:
        raise NotImplementedError

    config = _config(http=connect)
    config.load()

    assert config.http_protocol_class is connect


def _config(**options: Any) -> Config:
    async def app(scope: object, receive: object, send: object) -> None:
        raise NotImplementedError

    return Config(app, ws="none", lifespan="on", interface="asgi3", log_config=None, **options)
