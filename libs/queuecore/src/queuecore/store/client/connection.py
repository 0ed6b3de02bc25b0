"""Connections that pack commands in C, send them without a task, and report lost connections as such.

redis-py's asyncio connections encode a command in Python, argument by argument. A script call for a hundred tasks has a
thousand arguments, and encoding them was the largest share of a worker's processor time; hiredis takes a third of it.
``pack_command`` is the hook of redis-py's connections for this.

A command nearly always fits into the write buffer of the transport. It is then written without waiting and without a
timeout, for which the client library would need an asyncio task and two turns of the event loop per command.

A connection that was lost while idle may still look open, and writing to it fails with an error of the event loop. It
is raised as the client library's ConnectionError, so the client reconnects at once, as after any other lost connection.
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
        """The encoded command. Its name may have several words, as in ``CONFIG GET``."""
        return [hiredis.pack_command((*args[0].split(), *args[1:]))]

    async def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        """Send an encoded command."""
        try:
            # A health check would have to run before the command is written.
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
    """Check for a write buffer above its high-water mark."""
    return transport.get_write_buffer_size() > transport.get_write_buffer_limits()[1]


class PackedConnection(_PackedInC, Connection):
    """A connection over TCP."""


class PackedSSLConnection(_PackedInC, SSLConnection):
    """A connection over TLS."""


class PackedSentinelConnection(_PackedInC, SentinelManagedConnection):
    """A connection to the master that the Sentinels name."""


class PackedSentinelSSLConnection(_PackedInC, SentinelManagedSSLConnection):
    """A connection over TLS to the master that the Sentinels name."""
