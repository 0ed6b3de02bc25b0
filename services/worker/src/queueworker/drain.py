"""Drain: finish running tasks within a grace period, then stop the rest, deliver all outcomes and release."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Sequence
from typing import Any

import structlog

from queuecore.domain.backoff import Backoff
from queuecore.store.attempts.leases import Leases
from queuecore.store.result import partition
from queueworker.roles.settler import Settler
from queueworker.runs.in_flight import InFlightRuns
from queueworker.runs.run import Run, StopReason
from queueworker.runs.slots import Slots

RESERVE_S = 5.0
"""The end of the grace period, kept to stop handlers and to deliver outcomes and releases."""
RESERVE_SHARE = 0.2
"""Upper bound of the reserve, as a share of the grace period."""
STOP_GRACE_S = 2.0
"""Time for stopped handlers to clean up."""
DELIVERY_GRACE_S = 5.0
"""Time for the store to accept the last outcomes and releases when the grace period is shorter, or a stop is urgent."""

log = structlog.get_logger()


def longest_s(grace_s: float) -> float:
    """Upper bound of a drain with this grace period, in seconds."""
    return max(grace_s, STOP_GRACE_S + DELIVERY_GRACE_S)


class Drain:
    """Empties the worker without losing or repeating work.

    Args:
        grace_s: time for running tasks to finish, and for the store to accept their outcomes.
        slots: all free when no task runs.
        in_flight: the runs of this worker.
        settler: delivers the last outcomes.
        leases: releases unfinished tasks.
        backoff: between attempts to release while the store is unreachable.
    """

    def __init__(
        self,
        *,
        grace_s: float,
        slots: Slots,
        in_flight: InFlightRuns,
        settler: Settler,
        leases: Leases,
        backoff: Backoff,
    ) -> None:
        self._grace_s = grace_s
        self._slots = slots
        self._in_flight = in_flight
        self._settler = settler
        self._leases = leases
        self._backoff = backoff
        self._hurried = asyncio.Event()
        self._released = 0

    def hurry(self) -> None:
        """End the grace period now."""
        self._hurried.set()

    async def run(self) -> None:
        """Drain.

        No task may be leased any more. The renewer and the settler must keep running until this returns.
        """
        log.info("drain_started", running=self._slots.busy, grace_s=self._grace_s)
        end_at = time.monotonic() + longest_s(self._grace_s)
        reserve_s = min(RESERVE_S, self._grace_s * RESERVE_SHARE)
        await _wait_for_first(
            self._slots.wait_until_all_free(), self._hurried.wait(), timeout_s=self._grace_s - reserve_s
        )
        unfinished = self._in_flight.running()
        for run in unfinished:
            run.stop(StopReason.DRAIN)
        stop_grace_s = min(STOP_GRACE_S, (end_at - time.monotonic()) / 2)
        await _wait_for_first(_wait_until_ended(unfinished), timeout_s=stop_grace_s)
        await _wait_for_first(self._deliver(), self._wait_after_hurry(), timeout_s=end_at - time.monotonic())
        log.info("drain_finished", released=self._released, unsettled=len(self._in_flight))

    async def _deliver(self) -> None:
        """Wait until the store has accepted all outcomes and releases.

        What still runs is released last, when the process is about to end: the task may start elsewhere at once.
        """
        idle = [run for run in self._in_flight.all() if not run.is_executing]
        await asyncio.gather(self._settler.wait_until_idle(), self._release(idle))
        await self._release(self._in_flight.all())

    async def _release(self, runs: Sequence[Run]) -> None:
        """Release those of ``runs`` that the drain has stopped and that have no outcome; retry until accepted."""
        while stopped := [run for run in runs if run.stopped_by is StopReason.DRAIN and not run.concluded]:
            released, failed = partition(stopped, await self._leases.release([run.lease for run in stopped]))
            for run, _ in released:
                self._in_flight.drop(run)
            self._released += len(released)
            if not failed:
                return
            runs = [run for run, _ in failed]
            pause_s = self._backoff.fail()
            log.warning("release_failed", error=str(failed[0][1]), tasks=len(runs), retry_in_s=round(pause_s, 3))
            await asyncio.sleep(pause_s)

    async def _wait_after_hurry(self) -> None:
        await self._hurried.wait()
        await asyncio.sleep(DELIVERY_GRACE_S)


async def _wait_until_ended(runs: Sequence[Run]) -> None:
    """Wait until no handler of ``runs`` is executing, in a thread either."""
    works = [each for run in runs for each in (run.work, run.slot_taken_until) if each is not None]
    if works:
        await asyncio.wait(works)


async def _wait_for_first(*waits: Coroutine[Any, Any, object], timeout_s: float) -> None:
    """Wait for the first of ``waits``, up to ``timeout_s``."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    await asyncio.wait(tasks, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
