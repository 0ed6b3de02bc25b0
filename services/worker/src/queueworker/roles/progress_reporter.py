"""Delivery of progress: the latest value of each task, a few times a second."""

from __future__ import annotations

import asyncio

import structlog

from queuecore.store.attempts.leases import Lease, Leases
from queuecore.store.result import partition

INTERVAL_S = 0.25

log = structlog.get_logger()


class ProgressReporter:
    """Collects progress from any thread and sends it in batches.

    Args:
        leases: records progress in the store.
    """

    def __init__(self, leases: Leases) -> None:
        self._leases = leases
        self._loop = asyncio.get_running_loop()
        self._latest: dict[tuple[str, str], tuple[Lease, bytes]] = {}
        self._arrived = asyncio.Event()

    def report(self, lease: Lease, progress: bytes) -> None:
        """Queue a value, which replaces an unsent one of the same task. Thread-safe."""
        self._loop.call_soon_threadsafe(self._put, lease, progress)

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            await self._arrived.wait()
            await self.tick()
            await asyncio.sleep(INTERVAL_S)

    async def tick(self) -> None:
        """Send all queued values once. A failed send is not retried, because the next value supersedes it."""
        self._arrived.clear()
        latest, self._latest = self._latest, {}
        reports = list(latest.values())
        _, failed = partition(reports, await self._leases.report_progress(reports))
        if failed:
            log.warning("progress_failed", error=str(failed[0][1]))

    def _put(self, lease: Lease, progress: bytes) -> None:
        self._latest[lease.task.queue, lease.task.id] = (lease, progress)
        self._arrived.set()
