"""A client of a Redis Cluster for many concurrent calls."""

from __future__ import annotations

from typing import Any

from redis.asyncio.cluster import RedisCluster

from queuecore.store.client.connection import PackedConnection, PackedSSLConnection


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

    async def aclose(self) -> None:
        """Close all connections."""
        await super().aclose()
        for nodes in (self.nodes_manager.nodes_cache, self.nodes_manager.startup_nodes):
            for node in nodes.values():
                await node.disconnect()
