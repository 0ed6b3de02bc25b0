"""The client library's client of a single server, without its own metrics.

For every command redis-py records its duration, notifies listeners of returned connections and counts connections by
state. Nothing reads this here, because the store has its own metrics, and it takes a quarter of the processor time of a
script call. The bytes on the wire are the same.
"""

from __future__ import annotations

from typing import Any

from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as RedisConnectionError


class SingleServerPool(ConnectionPool):
    """A pool without locks: each of its steps runs in one turn of the event loop."""

    async def get_connection(self, *_command: Any, **_options: Any) -> AbstractConnection:
        """A connected connection.

        Raises:
            redis.exceptions.RedisError: connecting failed.
        """
        connection: AbstractConnection = self.get_available_connection()  # type: ignore[no-untyped-call]
        try:
            await self.ensure_connection(connection)
        except BaseException:
            await self.release(connection)
            raise
        return connection

    async def release(self, connection: AbstractConnection) -> None:
        """Return a connection to the pool."""
        self._in_use_connections.remove(connection)
        if connection.should_reconnect():
            await connection.disconnect()
        self._available_connections.append(connection)


_LEAN = frozenset({"EVALSHA", "BLPOP"})
"""Commands whose replies need no conversion."""


class SingleServerClient(Redis):
    """A client with a short path for script calls and blocking reads."""

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """Run one command; its reply."""
        if args[0] not in _LEAN:
            return await super().execute_command(*args, **options)  # type: ignore[no-untyped-call]
        pool = self.connection_pool
        connection = await pool.get_connection()
        try:
            try:
                return await _exchange(connection, args)
            except RedisConnectionError:
                # The connection may date from before a restart. The next command reconnects.
                await connection.disconnect()
                return await _exchange(connection, args)
        finally:
            await pool.release(connection)


async def _exchange(connection: AbstractConnection, command: tuple[Any, ...]) -> Any:
    await connection.send_command(*command)
    return await connection.read_response()
