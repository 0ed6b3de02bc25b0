"""Registry of queues: schedulers and metrics serve only the queues that it lists.

A server that fails over, or is restored from a backup, may lose names that were registered last. In a Cluster the
registry and a queue may be on different nodes, so a queue can lose its registration and keep its tasks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

import structlog

from queuecore.errors import StoreError
from queuecore.store.client.server import Server
from queuecore.store.queues.reader import stats_call
from queuecore.store.scripts.keys import QUEUES

CHECK_INTERVAL_S = 5.0
"""Interval between checks that the queues in use are still registered."""
_NAMES_PER_CALL = 1_000

log = structlog.get_logger()


class QueueRegistry:
    """Registers queues, and registers them again when the store has lost their registration.

    Args:
        server: the store.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._registered: set[str] = set()
        self._used: set[str] = set()
        """Queues used since the last check."""

    async def use(self, queues: set[str]) -> None:
        """Register queues before they hold a task. Only the first use of a queue calls the store.

        Raises:
            StoreError: see :mod:`queuecore.errors`.
        """
        if new := queues - self._registered:
            await self._register(new)
            self._registered |= new
        self._used |= queues

    async def run(self) -> None:
        """Restore the registration of queues in use until cancelled."""
        while True:
            await asyncio.sleep(CHECK_INTERVAL_S)
            try:
                await self.check_used()
            except StoreError as error:
                log.warning("queue_registration_failed", error=str(error))

    async def check_used(self) -> None:
        """Restore the queues used since the last check.

        Raises:
            StoreError: the store failed; the next check covers the same queues.
        """
        used = sorted(self._used)
        for first in range(0, len(used), _NAMES_PER_CALL):
            names = used[first : first + _NAMES_PER_CALL]
            await self.restore(names)
            self._used.difference_update(names)

    async def restore(self, queues: Sequence[str]) -> list[str]:
        """Register those of ``queues`` again whose registration is lost and that hold tasks.

        A queue that cannot be read is registered too, because it may hold tasks.

        Returns:
            The queues that were registered again.

        Raises:
            StoreError: the registry could not be read or written.
        """
        if not queues:
            return []
        found = await self._server.command("SMISMEMBER", QUEUES, *queues)
        missing = [queue for queue, is_member in zip(queues, found, strict=True) if not is_member]
        replies = await self._server.run_all([stats_call(queue) for queue in missing])
        lost = [queue for queue, reply in zip(missing, replies, strict=True) if _may_hold_tasks(reply)]
        if lost:
            await self._register(lost)
            log.warning("queues_registered_again", queues=len(lost), first=lost[0])
        return lost

    async def _register(self, queues: Iterable[str]) -> None:
        await self._server.command("SADD", QUEUES, *queues)


def _may_hold_tasks(stats: object) -> bool:
    """True unless the reply to :func:`stats_call` proves that the queue is empty."""
    if isinstance(stats, StoreError):
        return True
    assert isinstance(stats, list)
    counts: list[int] = stats[1]
    return any(counts)
