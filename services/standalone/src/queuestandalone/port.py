"""Port checks and free ports, before any process starts."""

from __future__ import annotations

import os
import socket

from queuecore.embedded import find_free_port
from queuecore.errors import ConfigError


def check_port(host: str, port: int, variable: str) -> None:
    """Check that a process can listen on a port.

    Args:
        host: the address to listen on.
        port: the port.
        variable: the environment variable that sets the port, named in the error.

    Raises:
        ConfigError: the port is in use, or this user may not bind it.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        reason = os.strerror(error.errno).lower() if error.errno else error
        raise ConfigError(f"{variable}: port {port} of {host} cannot be used: {reason}; set another one") from error


def pick_ports(count: int) -> list[int]:
    """Distinct free ports on loopback."""
    ports: set[int] = set()
    while len(ports) < count:
        ports.add(find_free_port())
    return list(ports)
