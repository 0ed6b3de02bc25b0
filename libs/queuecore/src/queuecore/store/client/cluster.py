"""The client of a Cluster, mended where many calls share it."""

from __future__ import annotations

from typing import Any

from redis.asyncio.cluster import RedisCluster


class ClusterClient(RedisCluster):
    """redis-py's client, without three of its habits.

    - Before it knows the nodes, it takes a script or a blocking read for a command without keys and sends it to any of
      them.
    - With every fifth key that turns out to lie elsewhere it reads the nodes again, and cuts all connections, those on
      which others wait for their answers too. Moved slots are noted one by one instead.
    - After an error it takes its connections for closed, and leaves them open when it is closed itself.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(reinitialize_steps=0, **options)

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
