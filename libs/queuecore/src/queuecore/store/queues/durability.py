"""Durability that the servers provide, and the durability of each queue."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Mapping
from typing import Any

from queuecore.domain.durability import FSYNC, MEMORY, Durability, parse_durability
from queuecore.errors import StoreUnavailable
from queuecore.store.client.server import Server
from queuecore.store.queues.limits import write_durability
from queuecore.store.result import Result
from queuecore.store.scripts.replies import pairs

FSYNC_CHECK_INTERVAL_S = 1.0
"""A server whose configuration was read earlier than this is asked again before the next enqueue."""

_FSYNC_CONFIG = {"appendonly": "yes", "appendfsync": "always", "no-appendfsync-on-rewrite": "no"}
"""The configuration that syncs each write before it is answered, also during a rewrite of the file."""


async def find_durability_problem(server: Server, durability: Durability) -> str | None:
    """The reason why the servers cannot provide a durability; ``None`` when they can.

    A server that does not answer counts as able, because it takes no tasks either.
    """
    match durability.level:
        case "fsync":
            return _judge(durability, await server.ask_primaries("CONFIG", "GET", "*append*"), _fsync_problem)
        case "replicas":
            # WAIT for no replica is answered at once, and shows that the user may call it.
            waited = _judge(durability, await server.ask_primaries("WAIT", 0, 1), lambda _: None)
            return waited or _judge(
                durability,
                await server.ask_primaries("INFO", "replication"),
                lambda info: _replica_problem(info, durability.replicas),
            )
    return None


class FsyncCheck:
    """Remembers for a moment whether the servers sync each write.

    Args:
        server: the store.
        clock: monotonic, in seconds.
    """

    def __init__(self, server: Server, clock: Callable[[], float] = time.monotonic) -> None:
        self._server = server
        self._clock = clock
        self._lock = asyncio.Lock()
        self._checked_at_s = -math.inf
        self._problem: str | None = None

    async def find_problem(self) -> str | None:
        """The reason why a server does not sync each write; at most :data:`FSYNC_CHECK_INTERVAL_S` old."""
        if self._is_old():
            async with self._lock:
                if self._is_old():
                    self._problem = await find_durability_problem(self._server, FSYNC)
                    self._checked_at_s = self._clock()
        return self._problem

    def _is_old(self) -> bool:
        return self._clock() - self._checked_at_s >= FSYNC_CHECK_INTERVAL_S


class QueueDurability:
    """The durability of each queue, as far as this process has seen it.

    The enqueue script compares it with the stored one, so a queue whose durability has changed is noticed before
    anything is written.

    Args:
        default: for queues without their own.
    """

    def __init__(self, default: Durability | None) -> None:
        self._default = default or MEMORY
        self._own: dict[str, Durability] = {}

    def of(self, queue: str) -> Durability:
        """The durability of a queue."""
        return self._own.get(queue, self._default)

    def stored(self, queue: str) -> str:
        """The queue's own durability as it is stored; empty for none."""
        return write_durability(self._own.get(queue))

    def learn(self, queue: str, stored: str) -> None:
        """Remember the queue's own durability; empty for none.

        Raises:
            InvalidDurability: only a newer release knows the level.
        """
        self._own.pop(queue, None)
        if stored:
            self._own[queue] = parse_durability(stored)


def _judge(
    durability: Durability, replies: Mapping[str, Result[Any]], find_problem: Callable[[Any], str | None]
) -> str | None:
    for name, reply in replies.items():
        if isinstance(reply, StoreUnavailable):
            continue
        problem = f"refuses the check: {reply}" if isinstance(reply, Exception) else find_problem(reply)
        if problem:
            return f"{durability} cannot be provided: {name} {problem}"
    return None


def _fsync_problem(reply: list[bytes]) -> str | None:
    config = {name.decode(): value.decode() for name, value in pairs(reply).items()}
    for name, value in _FSYNC_CONFIG.items():
        if (found := config.get(name, "unknown")) != value:
            return f"has {name} {found}, and needs {name} {value}"
    return None


def _replica_problem(info: Mapping[str, Any], needed: int) -> str | None:
    replicas = [value for name, value in info.items() if name.startswith("slave") and isinstance(value, dict)]
    connected = sum(replica.get("state") == "online" for replica in replicas)
    return None if connected >= needed else f"has {connected} connected replicas, and needs {needed}"
