"""A real primary with a replica and Sentinels on loopback."""

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
"""The silence after which a Sentinel considers a primary down."""


class WatchedPair:
    """A primary and its replica with Sentinels, which promote the replica when the primary dies.

    Args:
        data_dir: the directory of the data directories of all processes.
        sentinels: the number of Sentinels; a majority must agree.
    """

    def __init__(self, data_dir: Path, sentinels: int = 3) -> None:
        lines = {"repl-diskless-sync-delay": "0", "repl-ping-replica-period": "1"}
        self.master = EmbeddedValkey(data_dir / "master", config=lines)
        self.replica = EmbeddedValkey(data_dir / "replica", config=lines)
        # Under this name the server runs as a Sentinel.
        binary = data_dir / "valkey-sentinel"
        binary.symlink_to(find_server())
        self.sentinels = [EmbeddedValkey(data_dir / f"sentinel-{place}", binary=binary) for place in range(sentinels)]
        self._quorum = sentinels // 2 + 1

    async def start(self) -> None:
        """Start all, and wait until the replica is in sync and the Sentinels know both servers."""
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
        """Kill all processes."""
        for server in (*self.sentinels, self.replica, self.master):
            server.kill()

    @property
    def url(self) -> str:
        """The URL of the current primary for clients."""
        hosts = ",".join(f"{HOST}:{sentinel.port}" for sentinel in self.sentinels)
        return f"redis+sentinel://{hosts}/{SERVICE}/0"

    async def until_replicated(self) -> None:
        """Wait until the replica has every write that the primary has acknowledged so far."""
        sent = int((await command(self.master, "ROLE"))[1])

        async def has_caught_up() -> bool:
            return int((await command(self.replica, "ROLE"))[4]) >= sent

        await eventually(has_caught_up)

    async def until_promoted(self) -> None:
        """Wait until the Sentinels have promoted the replica."""

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
    """Run a command on one of the servers, on its own connection."""
    client = connect(patient_settings(server.url))
    try:
        return await client.command(*parts)
    finally:
        await client.close()
