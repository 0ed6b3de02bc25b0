"""A real Valkey Cluster of three primaries on loopback, and slot migration between them."""

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
    """One primary."""

    def __init__(self, embedded: EmbeddedValkey) -> None:
        self.embedded = embedded
        self.id = ""

    async def command(self, *parts: Argument) -> Any:
        """Run a command on this node, on its own connection: the nodes outlive the event loops of single tests."""
        server = connect(patient_settings(self.embedded.url))
        try:
            return await server.command(*parts)
        finally:
            await server.close()


class ValkeyCluster:
    """Three primaries, each with a third of the slots.

    Args:
        data_dir: the directory of their data directories.
        config: further lines of their configuration.
    """

    def __init__(self, data_dir: Path, config: dict[str, str] | None = None) -> None:
        lines = {"cluster-enabled": "yes", "cluster-node-timeout": "2000", **(config or {})}
        self.nodes = [ClusterNode(EmbeddedValkey(data_dir / str(place), config=lines)) for place in range(NODES)]

    async def start(self) -> None:
        """Start the nodes, and wait until they form a cluster."""
        for node in self.nodes:
            node.embedded.start()
            node.id = (await node.command("CLUSTER", "MYID")).decode()
        await self._share_slots()
        for node in self.nodes[1:]:
            await node.command("CLUSTER", "MEET", HOST, self.nodes[0].embedded.port)
        await eventually(self._is_formed)

    def stop(self) -> None:
        """Kill the nodes."""
        for node in self.nodes:
            node.embedded.kill()

    @property
    def url(self) -> str:
        """The URL for clients."""
        hosts = ",".join(f"{HOST}:{node.embedded.port}" for node in self.nodes)
        return f"redis+cluster://{hosts}"

    async def slot_of(self, queue: str) -> int:
        """The slot of a queue."""
        return int(await self.nodes[0].command("CLUSTER", "KEYSLOT", queue_keys(queue).pending))

    async def node_of(self, queue: str) -> ClusterNode:
        """The node of a queue, before any slot migration."""
        return self.nodes[await self.slot_of(queue) * NODES // SLOTS]

    async def queues_apart(self) -> list[str]:
        """Names of queues, one on each node."""
        found: dict[str, str] = {}
        for number in range(100):
            found.setdefault((await self.node_of(f"queue-{number}")).id, f"queue-{number}")
        return [found[node.id] for node in self.nodes]

    async def _share_slots(self) -> None:
        bounds = [-(-SLOTS * place // NODES) for place in range(NODES + 1)]
        for epoch, (node, first, end) in enumerate(zip(self.nodes, bounds, bounds[1:], strict=False), start=1):
            # One by one: Redis 6.2 has no ranges.
            await node.command("CLUSTER", "ADDSLOTS", *range(first, end))
            await node.command("CLUSTER", "SET-CONFIG-EPOCH", epoch)

    async def _is_formed(self) -> bool:
        infos = [(await node.command("CLUSTER", "INFO")).decode() for node in self.nodes]
        return all("cluster_state:ok" in info and f"cluster_known_nodes:{NODES}" in info for info in infos)


class SlotMove:
    """Migration of the slot of one queue to another node, key by key, as operators' tools do it."""

    def __init__(self, slot: int, source: ClusterNode, target: ClusterNode) -> None:
        self.slot = slot
        self.source = source
        self.target = target

    async def begin(self) -> None:
        """Begin the migration: both nodes serve keys of the slot."""
        await self.target.command("CLUSTER", "SETSLOT", self.slot, "IMPORTING", self.source.id)
        await self.source.command("CLUSTER", "SETSLOT", self.slot, "MIGRATING", self.target.id)

    async def keys_left(self) -> list[bytes]:
        """The keys that are still on the source."""
        keys: list[bytes] = await self.source.command("CLUSTER", "GETKEYSINSLOT", self.slot, 10_000)
        return keys

    async def move(self, *keys: bytes | str) -> None:
        """Move some keys."""
        await self.source.command("MIGRATE", HOST, self.target.embedded.port, "", 0, MOVE_TIMEOUT_MS, "KEYS", *keys)

    async def finish(self) -> None:
        """Move the remaining keys, and assign the slot to the target."""
        while keys := await self.keys_left():
            await self.move(*keys)
        for node in (self.target, self.source):
            await node.command("CLUSTER", "SETSLOT", self.slot, "NODE", self.target.id)
