"""Operations on queues for operators: limit, configure, pause, resume."""

from __future__ import annotations

from queuecore.store.client.replication import ReplicatedCalls
from queuecore.store.client.server import Server, eval_command
from queuecore.store.queues.limits import QueueLimits, write_durability, write_limit
from queuecore.store.queues.settings import QueueSettings, read_settings
from queuecore.store.scripts import calls
from queuecore.store.scripts.keys import QUEUES, queue_keys


class QueueControl:
    """Sets the limits of queues, pauses and resumes them. A queue need not have had a task yet."""

    def __init__(self, server: Server) -> None:
        self._server = server

    async def limit(self, queue: str, limits: QueueLimits) -> None:
        """Replace the limits of a queue, from the next enqueue on.

        Tasks in the queue stay, also when they exceed the new limits. Limits with a durability are as durable as the
        tasks will be.

        Raises:
            NotDurable: too few replicas have acknowledged the limits, which apply nevertheless.
            StoreError: see :mod:`queuecore.errors`.
        """
        await self._announce(queue)
        call = calls.limit(
            queue,
            max_depth=write_limit(limits.max_depth),
            max_bytes=write_limit(limits.max_bytes),
            durability=write_durability(limits.durability),
        )
        if limits.durability and limits.durability.replicas:
            replicated = ReplicatedCalls(self._server, limits.durability.replicas)
            await replicated.command(queue_keys(queue).fence, *eval_command(call))
        else:
            await self._server.run(call)

    async def configure(self, queue: str, settings: QueueSettings) -> None:
        """Replace the settings of a queue. Tasks that are archived already keep their retention.

        Raises:
            StoreError: see :mod:`queuecore.errors`.
        """
        await self._announce(queue)
        await self._server.run(
            calls.configure(
                queue,
                archive_retention_ms=write_limit(settings.archive_retention_ms),
                priority_ageing_ms=write_limit(settings.priority_ageing_ms),
            )
        )

    async def settings(self, queue: str) -> QueueSettings:
        """The settings of a queue.

        Raises:
            StoreError: see :mod:`queuecore.errors`.
        """
        return read_settings(await self._server.command("HGETALL", queue_keys(queue).settings))

    async def pause(self, queue: str) -> None:
        """Stop leasing tasks of a queue. Running tasks go on, and enqueues are accepted.

        Raises:
            StoreError: see :mod:`queuecore.errors`.
        """
        await self._announce(queue)
        await self._server.run(calls.pause(queue, pause=True))

    async def resume(self, queue: str) -> None:
        """Lease tasks of a paused queue again.

        Raises:
            StoreError: see :mod:`queuecore.errors`.
        """
        await self._server.run(calls.pause(queue, pause=False))

    async def _announce(self, queue: str) -> None:
        """Register a queue with schedulers and metrics."""
        await self._server.command("SADD", QUEUES, queue)
