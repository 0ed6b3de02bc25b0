"""Connections that pack commands in C, and say so when they were cut.

redis-py's asyncio connections write the wire form of a command in Python, argument by argument. A script call for a
hundred tasks has a thousand arguments, and that became the largest share of a worker's time; hiredis does it in a
third of the time. ``pack_command`` is the method that redis-py's connections offer for it.

Nearly always a command fits into what the transport takes without waiting. Then nothing is waited for, and no time
limit is needed, which costs the client library an asyncio task and two turns of the event loop per command.

A connection that was cut while nobody looked may still seem to be there, and writing to it fails in words of the event
loop's. Told in those of the client library, it makes the client connect again at once, as for any other cut.
"""

from __future__ import annotations

from asyncio import WriteTransport
from typing import Any

import hiredis
from redis.asyncio.connection import AbstractConnection, Connection, SSLConnection
from redis.asyncio.sentinel import SentinelManagedConnection, SentinelManagedSSLConnection
from redis.exceptions import ConnectionError as RedisConnectionError

from queuecore.store.client.errors import was_cut


class _PackedInC(AbstractConnection):
    def pack_command(self, *args: Any) -> list[bytes]:
        """The command on the wire. Its name may have several words, as in ``CONFIG GET``."""
        return [hiredis.pack_command((*args[0].split(), *args[1:]))]

    async def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        """Send what was packed."""
        try:
            # With a health check there would be something to do ahead of the writing.
            if (writer := self._writer) is not None and self.is_connected and not self.health_check_interval:
                writer.writelines(command)
                command = ()
                if not _is_full(writer.transport):
                    return
            await super().send_packed_command(command, check_health)
        except (RuntimeError, AttributeError) as error:
            if not was_cut(error):
                raise
            await self.disconnect(nowait=True)
            raise RedisConnectionError(f"the connection was cut: {error}") from error


def _is_full(transport: WriteTransport) -> bool:
    """Whether the transport wants no more before it has sent what it has."""
    return transport.get_write_buffer_size() > transport.get_write_buffer_limits()[1]


class PackedConnection(_PackedInC, Connection):
    """A connection over TCP."""


class PackedSSLConnection(_PackedInC, SSLConnection):
    """A connection over TLS."""


class PackedSentinelConnection(_PackedInC, SentinelManagedConnection):
    """A connection to the master that the Sentinels name."""


class PackedSentinelSSLConnection(_PackedInC, SentinelManagedSSLConnection):
    """The same over TLS."""
