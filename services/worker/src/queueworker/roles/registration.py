"""Tells the others of this worker: its types once, itself with each heartbeat."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import structlog

from queuecore.errors import StoreError
from queuecore.store.attempts.leases import WorkerIdentity
from queuecore.store.queues.directory import Directory, WorkerStatus
from queueworker.handlers.registry import Handlers
from queueworker.runs.slots import Slots

INTERVAL_S = 5.0
LIFETIME_MS = 15_000
"""A worker that is silent for so long is taken for gone."""

log = structlog.get_logger()


class Registration:
    """Registers a worker and keeps it registered.

    Args:
        directory: where.
        identity: who.
        queues: what it serves.
        handlers: the types that it runs.
        slots: how many tasks it runs.
        draining: whether it is stopping.
    """

    def __init__(
        self,
        *,
        directory: Directory,
        identity: WorkerIdentity,
        queues: list[str],
        handlers: Handlers,
        slots: Slots,
        draining: Callable[[], bool],
    ) -> None:
        self._directory = directory
        self._identity = identity
        self._queues = queues
        self._handlers = handlers
        self._slots = slots
        self._draining = draining
        self._started_at_ms = round(time.time() * 1000)
        self.last_error: StoreError | None = StoreError("the worker has not registered yet")
        """Why the last heartbeat did not reach the store; ``None`` when it did."""

    async def run(self) -> None:
        """Register, then send heartbeats until cancelled."""
        while True:
            await self.beat()
            # Until the store is there, try more often: nobody can post tasks of our types before.
            await asyncio.sleep(INTERVAL_S if self.last_error is None else 0.5)

    async def beat(self) -> None:
        """Send one heartbeat; the types and queues again after each failure, for the store may have been emptied."""
        try:
            if self.last_error is not None:
                await self._directory.register_queues(self._queues)
                await self._directory.register_types({each.task_type: each.schema() for each in self._handlers})
            await self._directory.beat(self._status(), LIFETIME_MS)
        except StoreError as error:
            log.warning("heartbeat_failed", error=str(error))
            self.last_error = error
        else:
            self.last_error = None

    async def withdraw(self) -> None:
        """Take the registration of this worker back; its types stay known."""
        try:
            await self._directory.forget_worker(self._identity.worker)
        except StoreError as error:
            log.warning("withdraw_failed", error=str(error))

    def _status(self) -> WorkerStatus:
        return WorkerStatus(
            worker=self._identity.worker,
            pod=self._identity.pod,
            queues=self._queues,
            types=self._handlers.types(),
            slots=self._slots.total,
            busy=self._slots.busy,
            started_at_ms=self._started_at_ms,
            draining=self._draining(),
        )
