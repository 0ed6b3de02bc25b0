"""Sends the progress that handlers report: the latest of each task, a few times a second."""

from __future__ import annotations

import asyncio

import structlog

from queuecore.errors import StoreError
from queuecore.store.attempts.leases import Lease, Leases

INTERVAL_S = 0.25

log = structlog.get_logger()


class ProgressReporter:
    """Collects progress from any thread and sends it."""

    def __init__(self, leases: Leases) -> None:
        self._leases = leases
        self._loop = asyncio.get_running_loop()
        self._latest: dict[tuple[str, str], tuple[Lease, bytes]] = {}
        self._arrived = asyncio.Event()

    def report(self, lease: Lease, progress: bytes) -> None:
        """Take what a handler reports. Thread-safe."""
        self._loop.call_soon_threadsafe(self._put, lease, progress)

    async def run(self) -> None:
        """Send until cancelled. What the store does not take is dropped: the next report says more."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            latest, self._latest = self._latest, {}
            replies = await self._leases.report_progress(list(latest.values()))
            if error := next((reply for reply in replies if isinstance(reply, StoreError)), None):
                log.warning("progress_failed", error=str(error))
            await asyncio.sleep(INTERVAL_S)

    def _put(self, lease: Lease, progress: bytes) -> None:
        self._latest[lease.task.queue, lease.task.id] = (lease, progress)
        self._arrived.set()
