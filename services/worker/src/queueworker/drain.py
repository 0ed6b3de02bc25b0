"""Drain: finish running tasks within a grace period, then stop and release the rest."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

import structlog

from queuecore.errors import StoreError
from queuecore.store.attempts.leases import Leases
from queueworker.roles.settler import Settler
from queueworker.runs.in_flight import InFlightRuns
from queueworker.runs.run import Run, StopReason
from queueworker.runs.slots import Slots

STOP_GRACE_S = 2.0
"""Time for stopped handlers to clean up."""
SETTLE_GRACE_S = 5.0
"""Time for the store to accept the last outcomes."""

log = structlog.get_logger()


class Drain:
    """Empties the worker without losing or repeating work.

    Args:
        grace_s: time for running tasks to finish.
        slots: all free when no task runs.
        in_flight: the runs of this worker.
        settler: delivers the last outcomes.
        leases: releases unfinished tasks.
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
        """End the grace period of running tasks now."""
        self._hurried.set()

    async def run(self) -> None:
        """Drain.

        No task may be leased any more. The renewer and the settler must keep running until this returns.
        """
        log.info("drain_started", running=self._slots.busy, grace_s=self._grace_s)
        await _wait_for_first(self._slots.wait_until_all_free(), self._hurried.wait(), timeout_s=self._grace_s)
        unfinished = self._in_flight.running()
        for run in unfinished:
            run.stop(StopReason.DRAIN)
        await _wait_for_first(_wait_until_ended(unfinished), timeout_s=STOP_GRACE_S)
        await _wait_for_first(self._settler.wait_until_idle(), timeout_s=SETTLE_GRACE_S)
        released = await self._release()
        log.info("drain_finished", released=released, unsettled=len(self._in_flight))

    async def _release(self) -> int:
        """Release the stopped runs, after the grace period so that a task does not run on two workers at once."""
        stopped = [run for run in self._in_flight.all() if run.stopped_by is StopReason.DRAIN]
        replies = await self._leases.release([run.lease for run in stopped])
        if error := next((reply for reply in replies if isinstance(reply, StoreError)), None):
            log.warning("release_failed", error=str(error), tasks=len(stopped))
        released = [run for run, reply in zip(stopped, replies, strict=True) if not isinstance(reply, StoreError)]
        for run in released:
            self._in_flight.drop(run)
        return len(released)


async def _wait_until_ended(runs: Sequence[Run]) -> None:
    if works := [run.work for run in runs if run.work is not None]:
        await asyncio.wait(works)


async def _wait_for_first(*waits: Coroutine[Any, Any, object], timeout_s: float) -> None:
    """Wait for the first of ``waits``, up to ``timeout_s``."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    await asyncio.wait(tasks, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
