"""What the measured worker runs."""

from __future__ import annotations

import socket
import time

from queueworker import Handlers

handlers = Handlers()
_clock_socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)


@handlers.register("noop")
async def noop(_: dict[str, object]) -> None:
    """Do nothing."""


@handlers.register("clock")
async def clock(payload: dict[str, int]) -> None:
    """Tell the benchmark at which moment the handler began, by the clock that all processes share."""
    _clock_socket.sendto(str(time.monotonic_ns()).encode(), ("127.0.0.1", payload["port"]))
