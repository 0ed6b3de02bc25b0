"""Connections that pack commands in C, send them without a task, and report lost connections as such.

redis-py's asyncio connections encode a command in Python, argument by argument. A script call for a hundred tasks has a
thousand arguments, and encoding them was the largest share of a worker's processor time; hiredis takes a third of it.
``pack_command`` is the hook of redis-py's connections for this.

A command nearly always fits into the write buffer of the transport. It is then written without waiting and without a
timeout, for which the client library would need an asyncio task and two turns of the event loop per command.

A timeout grows with the bytes of the command and of the reply, because large payloads on a slow link are no outage. A
connection that timed out is aborted: closing it would still send its buffer, and delay the commands that follow.

A connection that was lost while idle may still look open, and writing to it fails with an error of the event loop. It
is raised as the client library's ConnectionError, so the client reconnects at once, as after any other lost connection.
"""

from __future__ import annotations

from asyncio import WriteTransport
from typing import Any

import hiredis
from redis._parsers.hiredis import _AsyncHiredisParser
from redis.asyncio.connection import AbstractConnection, Connection, SSLConnection
from redis.asyncio.sentinel import SentinelManagedConnection, SentinelManagedSSLConnection
from redis.exceptions import ConnectionError as RedisConnectionError

from queuecore.store.client.errors import was_cut

SLOWEST_LINK_BYTES_PER_S = 1024 * 1024
"""The bandwidth for which timeouts allow."""


class _GrowingTimeoutParser(_AsyncHiredisParser):
    """Extends the timeout of a read by the bytes that arrive."""

    def on_connect(self, connection: Any) -> None:
        """Attach to a connection."""
        super().on_connect(connection)  # type: ignore[no-untyped-call]
        self._extend_timeout = connection.extend_timeout

    async def read_from_socket(self) -> bool:
        """Read once from the socket into the buffer of the parser."""
        reader: Any = self._reader
        buffered = reader.len()
        await super().read_from_socket()  # type: ignore[no-untyped-call]
        if (arrived := reader.len() - buffered) >= _LARGE_READ:
            self._extend_timeout(arrived)
        return True


_LARGE_READ = 4_096
"""Bytes of one read below which its timeout stays, because most replies are small."""


class _PackedInC(AbstractConnection):
    def __init__(self, *, socket_timeout: float | None = None, **options: Any) -> None:
        options["parser_class"] = _GrowingTimeoutParser
        super().__init__(socket_timeout=socket_timeout, **options)
        self._base_timeout_s = socket_timeout

    def pack_command(self, *args: Any) -> list[bytes]:
        """The encoded command. Its name may have several words, as in ``CONFIG GET``."""
        return [hiredis.pack_command((*args[0].split(), *args[1:]))]

    async def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        """Send an encoded command, and set the timeout of sending it and of each of its replies."""
        if not self.is_connected:
            await self.connect_check_health(check_health=False)
        if self._base_timeout_s is not None:
            # Connecting has sent commands of its own, so this comes after it.
            self.socket_timeout = self._base_timeout_s + sum(map(len, command)) / SLOWEST_LINK_BYTES_PER_S
        try:
            # A health check would have to run before the command is written.
            if (writer := self._writer) is not None and not self.health_check_interval:
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

    def extend_timeout(self, arrived: int) -> None:
        """Extend the timeout of the read in progress by the time of ``arrived`` bytes."""
        timeout: Any = self._active_read_timeout
        if timeout is not None:
            timeout.reschedule(timeout.when() + arrived / SLOWEST_LINK_BYTES_PER_S)

    async def disconnect(self, nowait: bool = False, *args: Any, **details: Any) -> None:
        """Close the connection; with ``nowait``, after an error, without sending what is still buffered."""
        if nowait and self._writer is not None:
            self._writer.transport.abort()
        await super().disconnect(nowait, *args, **details)


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
