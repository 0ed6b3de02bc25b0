"""Stopping without losing or repeating work: finish what can be finished, give the rest back."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog

from queuecore.errors import StoreError
from queuecore.store.attempts.leases import Leases
from queueworker.roles.settler import Settler
from queueworker.runs.in_flight import InFlightRuns
from queueworker.runs.run import StopReason
from queueworker.runs.slots import Slots

STOP_GRACE_S = 2.0
"""How long handlers that are stopped may take to clean up."""
SETTLE_GRACE_S = 5.0
"""How long the store may take to accept the last outcomes."""

log = structlog.get_logger()


class Drain:
    """Empties the worker.

    Args:
        grace_s: how long running tasks may go on.
        slots: tells when no task runs.
        in_flight: the tasks that the worker has.
        settler: has the outcomes that the store has not taken.
        leases: takes unfinished tasks back.
    """

    def __init__(
        self, *, grace_s: float, slots: Slots, in_flight: InFlightRuns, settler: Settler, leases: Leases
    ) -> None:
        self._grace_s = grace_s
        self._slots = slots
        self._in_flight = in_flight
        self._settler = settler
        self._leases = leases
        self._hurried = asyncio.Event()

    def hurry(self) -> None:
        """Do not wait for running tasks any longer."""
        self._hurried.set()

    async def run(self) -> None:
        """Drain. No task may be leased any more. Leases must go on being renewed and outcomes being sent meanwhile."""
        log.info("drain_began", running=self._slots.busy, grace_s=self._grace_s)
        await _first(self._slots.wait_until_all_free(), self._hurried.wait(), timeout_s=self._grace_s)
        unfinished = self._in_flight.running()
        for run in unfinished:
            run.stop(StopReason.DRAIN)
        await _first(_ended(unfinished), timeout_s=STOP_GRACE_S)
        await _first(self._settler.wait_until_idle(), timeout_s=SETTLE_GRACE_S)
        released = await self._release()
        log.info("drain_ended", released=released, unsettled=len(self._in_flight))

    async def _release(self) -> int:
        """Give back what was stopped, after its handler has ended, so that no two of them run at once."""
        stopped = [run for run in self._in_flight.all() if run.stopped_by is StopReason.DRAIN]
        replies = await self._leases.release([run.lease for run in stopped])
        if error := next((reply for reply in replies if isinstance(reply, StoreError)), None):
            log.warning("release_failed", error=str(error), tasks=len(stopped))
        released = [run for run, reply in zip(stopped, replies, strict=True) if not isinstance(reply, StoreError)]
        for run in released:
            self._in_flight.drop(run)
        return len(released)


async def _ended(runs: list[Any]) -> None:
    if works := [run.work for run in runs]:
        await asyncio.wait(works)


async def _first(*waits: Coroutine[Any, Any, object], timeout_s: float) -> None:
    """Wait for the first of ``waits``, but not longer than ``timeout_s``."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    await asyncio.wait(tasks, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
