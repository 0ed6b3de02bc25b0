"""Registration of a worker in the directory: task types, queues and heartbeats."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import structlog

from queuecore.errors import StoreError
from queuecore.store.attempts.leases import WorkerIdentity
from queuecore.store.queues.directory import Directory, WorkerStatus
from queueworker.handlers.registry import HandlerRegistry
from queueworker.runs.slots import Slots

INTERVAL_S = 5.0
RETRY_S = 0.5
"""Interval while the store is unreachable: until the worker is registered, nobody can enqueue tasks of its types."""
TTL_MS = 15_000
"""Time after which a worker without a heartbeat counts as gone."""

log = structlog.get_logger()


class Registration:
    """Registers a worker and sends its heartbeats.

    Args:
        directory: stores registrations.
        identity: of this worker.
        queues: the queues that it leases from.
        handlers: the task types that it runs.
        slots: how many tasks it runs.
        draining: whether it is draining.
    """

    def __init__(
        self,
        *,
        directory: Directory,
        identity: WorkerIdentity,
        queues: list[str],
        handlers: HandlerRegistry,
        slots: Slots,
        draining: Callable[[], bool],
    ) -> None:
        self._directory = directory
        self._identity = identity
        self._queues = queues
        self._types = handlers.types()
        self._schemas = {each.task_type: each.payload.schema() for each in handlers}
        self._slots = slots
        self._draining = draining
        self._started_at_ms = round(time.time() * 1000)
        self.last_error: StoreError | None = StoreError("the worker has not registered yet")
        """Error of the last heartbeat; ``None`` after a success."""

    async def run(self) -> None:
        """Register, then send heartbeats until cancelled."""
        while True:
            await self.tick()
            await asyncio.sleep(INTERVAL_S if self.last_error is None else RETRY_S)

    async def tick(self) -> None:
        """Send one heartbeat. Types and queues that the store has lost are registered again."""
        try:
            if self.last_error is not None:
                await self._directory.register_types(self._schemas)
            if lost := await self._directory.beat(self._status(), TTL_MS):
                await self._directory.register_types({name: self._schemas[name] for name in lost})
        except StoreError as error:
            log.warning("heartbeat_failed", error=str(error))
            self.last_error = error
        else:
            self.last_error = None

    async def deregister(self) -> None:
        """Remove this worker from the directory; its types stay registered."""
        try:
            await self._directory.forget_worker(self._identity.worker)
        except StoreError as error:
            log.warning("deregister_failed", error=str(error))

    def _status(self) -> WorkerStatus:
        return WorkerStatus(
            worker=self._identity.worker,
            pod=self._identity.pod,
            queues=self._queues,
            types=self._types,
            slots=self._slots.total,
            busy=self._slots.busy,
            started_at_ms=self._started_at_ms,
            draining=self._draining(),
        )
