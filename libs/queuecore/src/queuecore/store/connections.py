"""Connections that pack commands in C, and say so when they were cut.

redis-py's asyncio connections write the wire form of a command in Python, argument by argument. A script call for a
hundred tasks has a thousand arguments, and that became the largest share of a worker's time; hiredis does it in a
third of the time. ``pack_command`` is the method that redis-py's connections offer for it.

A connection that was cut while nobody looked may still seem to be there, and writing to it fails in words of the event
loop's. Told in those of the client library, it makes the client connect again at once, as for any other cut.
"""

from __future__ import annotations

from typing import Any

import hiredis
from redis.asyncio.connection import AbstractConnection, Connection, SSLConnection
from redis.asyncio.sentinel import SentinelManagedConnection, SentinelManagedSSLConnection
from redis.exceptions import ConnectionError as RedisConnectionError

from queuecore.store.failures import was_cut


class _PackedInC(AbstractConnection):
    def pack_command(self, *args: Any) -> list[bytes]:
        """The command on the wire. Its name may have several words, as in ``CONFIG GET``."""
        return [hiredis.pack_command((*args[0].split(), *args[1:]))]

    async def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        """Send what was packed."""
        try:
            await super().send_packed_command(command, check_health)
        except (RuntimeError, AttributeError) as error:
            if not was_cut(error):
                raise
            raise RedisConnectionError(f"the connection was cut: {error}") from error


class PackedConnection(_PackedInC, Connection):
    """A connection over TCP."""


class PackedSSLConnection(_PackedInC, SSLConnection):
    """A connection over TLS."""


class PackedSentinelConnection(_PackedInC, SentinelManagedConnection):
    """A connection to the master that the Sentinels name."""


class PackedSentinelSSLConnection(_PackedInC, SentinelManagedSSLConnection):
    """The same over TLS."""
