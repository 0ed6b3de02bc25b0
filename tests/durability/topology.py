"""Stores that fail over, each server behind a proxy that can hold back its replication."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

from queuecore.embedded import HOST, EmbeddedValkey, find_free_port, find_server
from queuecore.testing.proxy import FaultyProxy
from queuecore.testing.sentinel import SERVICE, command
from queuecore.testing.waiting import eventually

T = TypeVar("T")

SLOTS = 16_384
_PAIRS = 3
_FAILOVER_S = 60.0
_DOWN_AFTER_MS = 1_000
_BUS_OFFSET = 10_000


class _ProxyLoop:
    """An event loop for proxies, in a thread: Sentinels must not mistake a busy test for a dead primary."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the loop; its result."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    def call(self, function: Callable[[], Any]) -> None:
        """Call a function on the loop."""

        async def run() -> None:
            function()

        self.run(run())


class Member:
    """A server that clients, replicas and Sentinels reach through its proxy.

    Args:
        data_dir: the directory of its data.
        announces: the prefix of the settings with which it announces its address.
        loop: runs its proxy.
    """

    def __init__(self, data_dir: Path, announces: str, loop: _ProxyLoop) -> None:
        self._data_dir = data_dir
        self._announces = announces
        self._loop = loop

    def __enter__(self) -> Self:
        own_port = find_free_port()
        self._proxy = FaultyProxy(own_port)
        self._loop.run(self._proxy.__aenter__())
        self.port = self._proxy.port
        """The port of the proxy."""
        config = {
            "repl-diskless-sync-delay": "0",
            "repl-ping-replica-period": "1",
            f"{self._announces}-announce-ip": HOST,
            f"{self._announces}-announce-port": str(self.port),
        }
        if self._announces == "cluster":
            config |= {
                "cluster-enabled": "yes",
                "cluster-node-timeout": "1500",
                "cluster-announce-bus-port": str(own_port + _BUS_OFFSET),
                # A replica is promoted however long its replication was held back.
                "cluster-replica-validity-factor": "0",
            }
        self.server = EmbeddedValkey(self._data_dir, port=own_port, config=config)
        self.server.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.server.kill()
        self._loop.run(self._proxy.__aexit__(kind, error, at))

    async def command(self, *parts: str | int) -> Any:
        """Run a command, past the proxy."""
        return await command(self.server, *parts)

    async def is_primary(self) -> bool:
        """Check the role of the server."""
        return bool((await self.command("ROLE"))[0] == b"master")

    async def is_replica_in_sync(self) -> bool:
        """Check that the server replicates."""
        role = await self.command("ROLE")
        return bool(role[0] != b"master" and role[3] == b"connected")

    def hold_replication(self) -> None:
        """Hold back what the server sends to its replicas, until it is lost."""
        self._loop.call(self._proxy.replication.clear)

    def lose(self) -> None:
        """Kill the server, with all that the proxy holds back."""
        self.server.kill()
        self._loop.call(self._proxy.cut_all)
        self._loop.call(self._proxy.replication.set)


class Topology(Protocol):
    """A store of which the primary of :attr:`queues` can fail."""

    name: str
    queues: tuple[str, str]
    """Two queues on one primary."""

    @property
    def url(self) -> str:
        """The URL for clients."""

    @property
    def primary(self) -> Member:
        """The primary of the queues."""

    async def fail_over(self) -> None:
        """Lose the primary of the queues, and wait until its replica is the primary."""

    async def restore(self) -> None:
        """Start the lost server, and wait until it is a replica in sync."""

    async def __aenter__(self) -> Self:
        """Start all servers, and wait until the replicas are in sync."""

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        """Kill all servers."""


class SentinelPair:
    """A primary, its replica and three Sentinels."""

    name = "Sentinel"
    queues = ("kept", "plain")

    def __init__(self, data_dir: Path) -> None:
        self._stack = AsyncExitStack()
        loop = self._stack.enter_context(_ProxyLoop())
        self._pair = [Member(data_dir / str(place), "replica", loop) for place in range(2)]
        binary = data_dir / "valkey-sentinel"
        binary.symlink_to(find_server())
        self._sentinels = [EmbeddedValkey(data_dir / f"sentinel-{place}", binary=binary) for place in range(3)]

    async def __aenter__(self) -> Self:
        for each in self._pair:
            self._stack.enter_context(each)
        await self._pair[1].command("REPLICAOF", HOST, self.primary.port)
        await eventually(self._pair[1].is_replica_in_sync)
        for sentinel in self._sentinels:
            sentinel.start()
            self._stack.callback(sentinel.kill)
            await command(sentinel, "SENTINEL", "MONITOR", SERVICE, HOST, self.primary.port, 2)
            await command(sentinel, "SENTINEL", "SET", SERVICE, "down-after-milliseconds", _DOWN_AFTER_MS)
            await command(sentinel, "SENTINEL", "SET", SERVICE, "failover-timeout", 2_000)
        await eventually(self._is_settled, _FAILOVER_S)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    @property
    def url(self) -> str:
        hosts = ",".join(f"{HOST}:{sentinel.port}" for sentinel in self._sentinels)
        return f"redis+sentinel://{hosts}/{SERVICE}/0"

    @property
    def primary(self) -> Member:
        return self._pair[0]

    async def fail_over(self) -> None:
        self.primary.lose()
        self._pair.reverse()
        await eventually(self.primary.is_primary, _FAILOVER_S)

    async def restore(self) -> None:
        lost = self._pair[1]
        lost.server.start()
        await lost.command("REPLICAOF", HOST, self.primary.port)
        await eventually(self._is_settled, _FAILOVER_S)

    async def _is_settled(self) -> bool:
        """Check that every Sentinel knows the primary, a live replica and the other Sentinels.

        Sentinels of a busy machine may have promoted the replica meanwhile.
        """
        if not await self.primary.is_primary():
            self._pair.reverse()
        if not await self._pair[1].is_replica_in_sync():
            return False
        for sentinel in self._sentinels:
            address = await command(sentinel, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE)
            replicas = await command(sentinel, "SENTINEL", "REPLICAS", SERVICE)
            others = await command(sentinel, "SENTINEL", "SENTINELS", SERVICE)
            if int(address[1]) != self.primary.port or len(others) < len(self._sentinels) - 1:
                return False
            if not any(_fields(replica).get("flags") == "slave" for replica in replicas):
                return False
        return True


class ClusterOfPairs:
    """A Cluster of three primaries with a replica each."""

    name = "Cluster"

    def __init__(self, data_dir: Path) -> None:
        self._stack = AsyncExitStack()
        loop = self._stack.enter_context(_ProxyLoop())
        self._members = [Member(data_dir / str(place), "cluster", loop) for place in range(2 * _PAIRS)]
        self._pair = self._members[::_PAIRS]
        # The hash tag of a queue is its name, so queues of one slot range are found by trying.
        self.queues = ("", "")

    async def __aenter__(self) -> Self:
        for each in self._members:
            self._stack.enter_context(each)
        primaries = self._members[:_PAIRS]
        for epoch, primary in enumerate(primaries):
            first, end = (-(-SLOTS * (epoch + step) // _PAIRS) for step in (0, 1))
            await primary.command("CLUSTER", "ADDSLOTS", *range(first, end))
            await primary.command("CLUSTER", "SET-CONFIG-EPOCH", epoch + 1)
        seed = primaries[0]
        for each in self._members[1:]:
            bus = seed.server.port + _BUS_OFFSET
            await each.command("CLUSTER", "MEET", HOST, seed.port, bus)
        await eventually(self._knows_all, _FAILOVER_S)
        for primary, replica in zip(primaries, self._members[_PAIRS:], strict=True):
            primary_id = (await primary.command("CLUSTER", "MYID")).decode()
            await eventually(lambda replica=replica, primary_id=primary_id: _replicates(replica, primary_id))  # type: ignore[misc]
        await asyncio.gather(*(eventually(each.is_replica_in_sync, _FAILOVER_S) for each in self._members[_PAIRS:]))
        await eventually(self._is_whole, _FAILOVER_S)
        self.queues = await self._queues_of_the_first_pair()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    @property
    def url(self) -> str:
        return "redis+cluster://" + ",".join(f"{HOST}:{each.port}" for each in self._members)

    @property
    def primary(self) -> Member:
        return self._pair[0]

    async def fail_over(self) -> None:
        self.primary.lose()
        self._pair.reverse()
        await eventually(self.primary.is_primary, _FAILOVER_S)

    async def restore(self) -> None:
        lost = self._pair[1]
        lost.server.start()
        await eventually(lost.is_replica_in_sync, _FAILOVER_S)
        await eventually(self._is_whole, _FAILOVER_S)

    async def _knows_all(self) -> bool:
        infos = [(await each.command("CLUSTER", "INFO")).decode() for each in self._members]
        return all(f"cluster_known_nodes:{len(self._members)}" in info for info in infos)

    async def _is_whole(self) -> bool:
        """Check that every node knows one live replica per primary."""
        for each in self._members:
            if "cluster_state:ok" not in (await each.command("CLUSTER", "INFO")).decode():
                return False
            nodes = (await each.command("CLUSTER", "NODES")).decode().splitlines()
            if any("fail" in line for line in nodes) or sum("slave" in line for line in nodes) != _PAIRS:
                return False
        return True

    async def _queues_of_the_first_pair(self) -> tuple[str, str]:
        end = -(-SLOTS // _PAIRS)
        found: list[str] = []
        number = 0
        while len(found) < 2:
            name = f"queue-{number}"
            if await self.primary.command("CLUSTER", "KEYSLOT", f"{{{name}}}") < end:
                found.append(name)
            number += 1
        return found[0], found[1]


async def _replicates(replica: Member, primary_id: str) -> bool:
    nodes = (await replica.command("CLUSTER", "NODES")).decode()
    if primary_id not in nodes:
        return False
    await replica.command("CLUSTER", "REPLICATE", primary_id)
    return True


def _fields(flat: Sequence[bytes] | dict[Any, Any]) -> dict[str, str]:
    if isinstance(flat, dict):
        return {_text(name): _text(value) for name, value in flat.items()}
    return {_text(name): _text(value) for name, value in zip(flat[::2], flat[1::2], strict=True)}


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
