"""Connections that pack commands in C.

redis-py's asyncio connections write the wire form of a command in Python, argument by argument. A script call for a
hundred tasks has a thousand arguments, and that became the largest share of a worker's time; hiredis does it in a
third of the time. ``pack_command`` is the method that redis-py's connections offer for it.
"""

from __future__ import annotations

from typing import Any

import hiredis
from redis.asyncio.connection import Connection, SSLConnection
from redis.asyncio.sentinel import SentinelManagedConnection, SentinelManagedSSLConnection


class _PackedInC:
    def pack_command(self, *args: Any) -> list[bytes]:
        """The command on the wire. Its name may have several words, as in ``CONFIG GET``."""
        return [hiredis.pack_command((*args[0].split(), *args[1:]))]


class PackedConnection(_PackedInC, Connection):
    """A connection over TCP."""


class PackedSSLConnection(_PackedInC, SSLConnection):
    """A connection over TLS."""


class PackedSentinelConnection(_PackedInC, SentinelManagedConnection):
    """A connection to the master that the Sentinels name."""


class PackedSentinelSSLConnection(_PackedInC, SentinelManagedSSLConnection):
    """The same over TLS."""
