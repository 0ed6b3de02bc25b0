"""What operators may do with a queue: limit it, pause it, let it go on."""

from __future__ import annotations

from queuecore.store.client.server import Call, Server
from queuecore.store.queues.limits import QueueLimits, write_limit
from queuecore.store.scripts.keys import QUEUES
from queuecore.store.scripts.loader import load_script


class QueueControl:
    """Sets what holds for single queues. A queue need not have had a task yet."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._limit, self._pause = load_script("limit"), load_script("pause")

    async def limit(self, queue: str, limits: QueueLimits) -> None:
        """Give a queue these limits in place of those that it had. They hold from the next enqueue on.

        Tasks that are there stay, also when they are more than the limits allow.

        Raises:
            StoreError: see :mod:`queuecore.errors`.
        """
        await self._announce(queue)
        await self._server.run(Call(self._limit, queue, (write_limit(limits.max_depth), write_limit(limits.max_bytes))))

    async def pause(self, queue: str) -> None:
        """Lease no more tasks of a queue. Those that run go on, and tasks are still taken in.

        Raises:
            StoreError: see :mod:`queuecore.errors`.
        """
        await self._announce(queue)
        await self._server.run(Call(self._pause, queue, (1,)))

    async def resume(self, queue: str) -> None:
        """Lease tasks of a queue again.

        Raises:
            StoreError: see :mod:`queuecore.errors`.
        """
        await self._server.run(Call(self._pause, queue, (0,)))

    async def _announce(self, queue: str) -> None:
        """Make a queue known, so that it is told of."""
        await self._server.command("SADD", QUEUES, queue)
