"""A client of a Redis Cluster for many concurrent calls."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from redis.asyncio.cluster import ClusterNode, RedisCluster
from redis.exceptions import AskError, ClusterError, MovedError, ResponseError, TryAgainError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from queuecore.store.client.connection import PackedConnection, PackedSSLConnection

_REDIRECTIONS = 5
"""Redirections of one exchange, of which there are two when a slot has just moved."""
_TRY_AGAIN_S = 0.05


class ClusterClient(RedisCluster):
    """redis-py's client without three of its problems, and with the connections of a single server.

    - Before it knows the nodes, it treats a script or a blocking read as a command without keys and sends it to any
      node.
    - With every fifth redirection it reads the nodes again and closes all connections, also those with calls in flight.
      This client updates moved slots one by one.
    - After an error it considers its connections closed, and leaves them open when it is closed itself.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(reinitialize_steps=0, **options)
        kind = PackedSSLConnection if options.get("ssl") else PackedConnection
        self.connection_kwargs["connection_class"] = kind
        for node in self.nodes_manager.startup_nodes.values():
            node.connection_class = kind

    async def execute_command(self, *args: Any, **kwargs: Any) -> Any:
        """Run one command, on the node of its keys."""
        await self.initialize()
        return await super().execute_command(*args, **kwargs)

    async def exchange(self, key: str, commands: Sequence[Sequence[Any]]) -> list[Any]:
        """Run commands in one write on one connection to the primary of a key; the reply or error reply of each.

        Raises:
            redis.exceptions.RedisError: the primary did not answer, or the redirections did not end.
        """
        await self.initialize()
        try:
            return await self._exchange(key, commands)
        except RedisConnectionError:
            # Another node may serve the slot since; initialize() finds it.
            await self.initialize()
            return await self._exchange(key, commands)

    async def _exchange(self, key: str, commands: Sequence[Sequence[Any]]) -> list[Any]:
        asked: ClusterNode | None = None
        for _ in range(_REDIRECTIONS):
            node = asked or self.get_node_from_key(key)
            if node is None:
                break
            replies = await self._exchange_with(node, commands, asking=asked is not None)
            asked = None
            match next((reply for reply in replies if isinstance(reply, _REDIRECTING)), None):
                case None:
                    return replies
                case MovedError() as moved:
                    await self.nodes_manager.move_slot(moved)
                case AskError() as ask:
                    asked = self.get_node(ask.host, ask.port)
                case _:
                    await asyncio.sleep(_TRY_AGAIN_S)
        raise ClusterError(f"no node serves the slot of {key}")

    async def _exchange_with(self, node: ClusterNode, commands: Sequence[Sequence[Any]], *, asking: bool) -> list[Any]:
        sent = [each for command in commands for each in (("ASKING",), command)] if asking else commands
        connection = node.acquire_connection()
        try:
            await node.disconnect_if_needed(connection)
            await connection.send_packed_command(connection.pack_commands(sent))
            replies = [await _read(connection) for _ in sent]
        except (RedisConnectionError, RedisTimeoutError):
            await node.disconnect_free_connections()
            self.nodes_manager.move_node_to_end_of_cached_nodes(node.name)
            self._initialize = True
            raise
        finally:
            node.release(connection)
        return replies[1::2] if asking else replies

    async def aclose(self) -> None:
        """Close all connections."""
        await super().aclose()
        for nodes in (self.nodes_manager.nodes_cache, self.nodes_manager.startup_nodes):
            # Another call may read the nodes again meanwhile.
            for node in list(nodes.values()):
                await node.disconnect()


_REDIRECTING = (MovedError, AskError, TryAgainError)


async def _read(connection: Any) -> Any:
    try:
        return await connection.read_response()
    except ResponseError as error:
        return error
