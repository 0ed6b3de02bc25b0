"""A real Valkey Cluster of three masters on loopback, and the moving of a slot from one of them to another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from queuecore.embedded import HOST, EmbeddedValkey
from queuecore.store.client.connect import connect
from queuecore.store.scripts.call import Argument
from queuecore.store.scripts.keys import queue_keys
from queuecore.testing.store import patient_settings
from queuecore.testing.waiting import eventually

NODES = 3
SLOTS = 16_384
MOVE_TIMEOUT_MS = 5_000


class ClusterNode:
    """One master."""

    def __init__(self, embedded: EmbeddedValkey) -> None:
        self.embedded = embedded
        self.id = ""

    async def command(self, *parts: Argument) -> Any:
        """Run a command on this node, on a connection of its own: the nodes outlive the loops of single tests."""
        server = connect(patient_settings(self.embedded.url))
        try:
            return await server.command(*parts)
        finally:
            await server.close()


class ValkeyCluster:
    """Three masters, each with a third of the slots.

    Args:
        data_dir: where each has a folder.
        config: further lines of their configuration.
    """

    def __init__(self, data_dir: Path, config: dict[str, str] | None = None) -> None:
        lines = {"cluster-enabled": "yes", "cluster-node-timeout": "2000", **(config or {})}
        self.nodes = [ClusterNode(EmbeddedValkey(data_dir / str(place), config=lines)) for place in range(NODES)]

    async def start(self) -> None:
        """Start the nodes, and wait until each knows the others."""
        for node in self.nodes:
            node.embedded.start()
            node.id = (await node.command("CLUSTER", "MYID")).decode()
        await self._share_slots()
        for node in self.nodes[1:]:
            await node.command("CLUSTER", "MEET", HOST, self.nodes[0].embedded.port)
        await eventually(self._agrees)

    def stop(self) -> None:
        """End the nodes at once."""
        for node in self.nodes:
            node.embedded.kill()

    @property
    def url(self) -> str:
        """Where clients find it."""
        hosts = ",".join(f"{HOST}:{node.embedded.port}" for node in self.nodes)
        return f"redis+cluster://{hosts}"

    async def slot_of(self, queue: str) -> int:
        """The slot in which a queue lies."""
        return int(await self.nodes[0].command("CLUSTER", "KEYSLOT", queue_keys(queue).pending))

    async def node_of(self, queue: str) -> ClusterNode:
        """The node on which a queue lies, as the cluster was made."""
        return self.nodes[await self.slot_of(queue) * NODES // SLOTS]

    async def queues_apart(self) -> list[str]:
        """Names of queues of which each lies on another node."""
        found: dict[str, str] = {}
        for number in range(100):
            found.setdefault((await self.node_of(f"queue-{number}")).id, f"queue-{number}")
        return [found[node.id] for node in self.nodes]

    async def _share_slots(self) -> None:
        bounds = [-(-SLOTS * place // NODES) for place in range(NODES + 1)]
        for epoch, (node, first, end) in enumerate(zip(self.nodes, bounds, bounds[1:], strict=False), start=1):
            # One by one: Redis 6.2 knows no ranges.
            await node.command("CLUSTER", "ADDSLOTS", *range(first, end))
            await node.command("CLUSTER", "SET-CONFIG-EPOCH", epoch)

    async def _agrees(self) -> bool:
        infos = [(await node.command("CLUSTER", "INFO")).decode() for node in self.nodes]
        return all("cluster_state:ok" in info and f"cluster_known_nodes:{NODES}" in info for info in infos)


class SlotMove:
    """The slot of one queue on its way to another node, key by key, as operators' tools move it."""

    def __init__(self, slot: int, source: ClusterNode, target: ClusterNode) -> None:
        self.slot = slot
        self.source = source
        self.target = target

    async def begin(self) -> None:
        """From now on both nodes have a share of the slot."""
        await self.target.command("CLUSTER", "SETSLOT", self.slot, "IMPORTING", self.source.id)
        await self.source.command("CLUSTER", "SETSLOT", self.slot, "MIGRATING", self.target.id)

    async def keys_left(self) -> list[bytes]:
        """The keys that have yet to be moved."""
        keys: list[bytes] = await self.source.command("CLUSTER", "GETKEYSINSLOT", self.slot, 10_000)
        return keys

    async def move(self, *keys: bytes | str) -> None:
        """Move some keys."""
        await self.source.command("MIGRATE", HOST, self.target.embedded.port, "", 0, MOVE_TIMEOUT_MS, "KEYS", *keys)

    async def finish(self) -> None:
        """Move what is left; then the slot belongs to the target."""
        while keys := await self.keys_left():
            await self.move(*keys)
        for node in (self.target, self.source):
            await node.command("CLUSTER", "SETSLOT", self.slot, "NODE", self.target.id)
