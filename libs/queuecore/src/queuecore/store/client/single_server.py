"""The client library's client of a single server, without what it keeps count of.

For every command redis-py notes its time, tells listeners that a connection was given back, and counts connections by
state; nobody reads that here, and calls of the store have metrics of their own. It is a quarter of a
script call's processor time. What a call does on the wire stays the same.
"""

from __future__ import annotations

from typing import Any

from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as RedisConnectionError


class SingleServerPool(ConnectionPool):
    """A pool that lends connections, and nothing else.

    The library's holds a lock meanwhile, which single steps of one event loop need not.
    """

    async def get_connection(self, *_command: Any, **_options: Any) -> AbstractConnection:
        """A connection that is ready.

        Raises:
            redis.exceptions.RedisError: there is none.
        """
        connection: AbstractConnection = self.get_available_connection()  # type: ignore[no-untyped-call]
        try:
            await self.ensure_connection(connection)
        except BaseException:
            await self.release(connection)
            raise
        return connection

    async def release(self, connection: AbstractConnection) -> None:
        """Take a connection back."""
        self._in_use_connections.remove(connection)
        if connection.should_reconnect():
            await connection.disconnect()
        self._available_connections.append(connection)


_LEAN = frozenset({"EVALSHA", "BLPOP"})
"""Whose answers are taken as they come."""


class SingleServerClient(Redis):
    """A client that calls scripts and waits in the shortest way."""

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """Run one command; what the server answers."""
        if args[0] not in _LEAN:
            return await super().execute_command(*args, **options)  # type: ignore[no-untyped-call]
        pool = self.connection_pool
        connection = await pool.get_connection()
        try:
            try:
                return await _ask(connection, args)
            except RedisConnectionError:
                # The connection may be from before a restart. It is made anew by the next command.
                await connection.disconnect()
                return await _ask(connection, args)
        finally:
            await pool.release(connection)


async def _ask(connection: AbstractConnection, command: tuple[Any, ...]) -> Any:
    await connection.send_command(*command)
    return await connection.read_response()
