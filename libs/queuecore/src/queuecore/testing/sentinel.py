"""A real master with a replica and Sentinels on loopback."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from queuecore.embedded import HOST, EmbeddedValkey, find_server
from queuecore.store.client.connect import connect
from queuecore.store.scripts.call import Argument
from queuecore.testing.store import patient_settings
from queuecore.testing.waiting import eventually

SERVICE = "mymaster"
DOWN_AFTER_MS = 500
"""How long the master may be silent before a Sentinel takes it for dead."""


class WatchedPair:
    """A master and its replica, watched by Sentinels that promote the replica when the master dies.

    Args:
        data_dir: where each process has a folder.
        sentinels: how many; most of them must agree.
    """

    def __init__(self, data_dir: Path, sentinels: int = 3) -> None:
        lines = {"repl-diskless-sync-delay": "0", "repl-ping-replica-period": "1"}
        self.master = EmbeddedValkey(data_dir / "master", config=lines)
        self.replica = EmbeddedValkey(data_dir / "replica", config=lines)
        # By its name the server knows what it is to be.
        binary = data_dir / "valkey-sentinel"
        binary.symlink_to(find_server())
        self.sentinels = [EmbeddedValkey(data_dir / f"sentinel-{place}", binary=binary) for place in range(sentinels)]
        self._quorum = sentinels // 2 + 1

    async def start(self) -> None:
        """Start all, and wait until the replica has all that the master has and the Sentinels know both."""
        self.master.start()
        self.replica.start()
        await command(self.replica, "REPLICAOF", HOST, self.master.port)
        await eventually(self._is_copied)
        for sentinel in self.sentinels:
            sentinel.start()
            await command(sentinel, "SENTINEL", "MONITOR", SERVICE, HOST, self.master.port, self._quorum)
            await command(sentinel, "SENTINEL", "SET", SERVICE, "down-after-milliseconds", DOWN_AFTER_MS)
            await command(sentinel, "SENTINEL", "SET", SERVICE, "failover-timeout", 2_000)
        await eventually(self._is_watched, within_s=30)

    def stop(self) -> None:
        """End all at once."""
        for server in (*self.sentinels, self.replica, self.master):
            server.kill()

    @property
    def url(self) -> str:
        """Where clients find whoever is the master."""
        hosts = ",".join(f"{HOST}:{sentinel.port}" for sentinel in self.sentinels)
        return f"redis+sentinel://{hosts}/{SERVICE}/0"

    async def until_replicated(self) -> None:
        """Wait until the replica has all that the master has acknowledged so far."""
        sent = int((await command(self.master, "ROLE"))[1])

        async def has_come() -> bool:
            return int((await command(self.replica, "ROLE"))[4]) >= sent

        await eventually(has_come)

    async def until_promoted(self) -> None:
        """Wait until the Sentinels have made the replica the master."""

        async def is_master() -> bool:
            return bool((await command(self.replica, "ROLE"))[0] == b"master")

        await eventually(is_master, within_s=30)

    async def _is_copied(self) -> bool:
        return bool((await command(self.replica, "ROLE"))[3] == b"connected")

    async def _is_watched(self) -> bool:
        replicas = [await command(each, "SENTINEL", "REPLICAS", SERVICE) for each in self.sentinels]
        others = [await command(each, "SENTINEL", "SENTINELS", SERVICE) for each in self.sentinels]
        return all(replicas) and all(len(each) == len(self.sentinels) - 1 for each in others)


async def command(server: EmbeddedValkey, *parts: Argument) -> Any:
    """Run a command on one of the servers, on a connection of its own."""
    client = connect(patient_settings(server.url))
    try:
        return await client.command(*parts)
    finally:
        await client.close()
