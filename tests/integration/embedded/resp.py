"""The least that is needed to speak with a server, so that these tests depend on no client."""

from __future__ import annotations

import socket

from queuecore.embedded import HOST, EmbeddedValkey


def ask(server: EmbeddedValkey, command: str) -> str:
    """The answer: a text, or the first line of anything else."""
    with socket.create_connection((HOST, server.port), timeout=5) as connection:
        connection.sendall(command.encode() + b"\r\n")
        answer = connection.recv(4096).decode()
    lines = answer.split("\r\n")
    return lines[1] if answer.startswith("$") and answer != "$-1\r\n" else lines[0]


def configured(server: EmbeddedValkey, name: str) -> str:
    """The value of a setting."""
    with socket.create_connection((HOST, server.port), timeout=5) as connection:
        connection.sendall(f"CONFIG GET {name}\r\n".encode())
        return connection.recv(4096).decode().split("\r\n")[4]
