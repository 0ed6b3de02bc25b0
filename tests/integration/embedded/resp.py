"""Minimal RESP client, which keeps these tests independent of a client library."""

from __future__ import annotations

import socket

from queuecore.embedded import HOST, EmbeddedValkey


def ask(server: EmbeddedValkey, command: str) -> str:
    """Send a command; the reply if it is a string, else its first line."""
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
