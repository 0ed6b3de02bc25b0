"""Delivery of outcomes to the store, in batches, with retries until the store accepts them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from queuecore.domain.backoff import Backoff
from queuecore.errors import StoreError
from queuecore.store.attempts.leases import UnreadableLease
from queuecore.store.attempts.settlement import Failure, Settlements, Success
from queuecore.store.result import Result, partition
from queuecore.store.scripts.replies import Reply
from queueworker.metrics import WorkerMetrics
from queueworker.runs.in_flight import InFlightRuns
from queueworker.runs.run import Run

AnOutcome = TypeVar("AnOutcome")

MAX_RESULT_BYTES = 1024 * 1024
"""Results per call, unless a single one is larger. What the store has accepted frees its run and its memory at once."""

log = structlog.get_logger()


class Settler:
    """Collects outcomes during a call and sends them with the next ones.

    Args:
        settlements: settles in the store.
        in_flight: drops each run whose outcome the store has accepted.
        metrics: counts retried and stale settles.
        backoff: between attempts while the store is unreachable.
        max_unsettled: outcomes that may wait for the store before no more tasks are leased.
    """

    def __init__(
        self,
        *,
        settlements: Settlements,
        in_flight: InFlightRuns,
        metrics: WorkerMetrics,
        backoff: Backoff,
        max_unsettled: int,
    ) -> None:
        self._settlements = settlements
        self._in_flight = in_flight
        self._metrics = metrics
        self._backoff = backoff
        self._max_unsettled = max_unsettled
        self._successes: list[tuple[Run, Success]] = []
        self._failures: list[tuple[Run, Failure]] = []
        self._unreadable: list[UnreadableLease] = []
        self._arrived = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._below_limit: asyncio.Future[None] | None = None

    def succeed(self, run: Run, success: Success) -> None:
        """Queue a success."""
        self._successes.append((run, success))
        self._arrived.set()
        self._idle.clear()

    def fail(self, run: Run, failure: Failure) -> None:
        """Queue a failure."""
        self._failures.append((run, failure))
        self._arrived.set()
        self._idle.clear()

    def archive_unreadable(self, leases: list[UnreadableLease]) -> None:
        """Queue tasks whose envelope is damaged."""
        for lease in leases:
            log.error("task_unreadable", task_id=lease.task_id, queue=lease.queue, error=lease.error)
        self._unreadable.extend(leases)
        self._arrived.set()
        self._idle.clear()

    def backpressure(self) -> asyncio.Future[None] | None:
        """A future that is done when tasks may be leased again; ``None`` while they may."""
        if self._unsettled() < self._max_unsettled:
            return None
        if self._below_limit is None:
            self._below_limit = asyncio.get_running_loop().create_future()
        return asyncio.shield(self._below_limit)

    async def wait_until_idle(self) -> None:
        """Wait until the store has accepted all outcomes."""
        await self._idle.wait()

    async def run(self) -> None:
        """Settle until cancelled."""
        while True:
            await self._arrived.wait()
            error = await self.tick()
            if error is None:
                self._backoff.succeed()
            else:
                self._metrics.settle_retries.inc()
                pause_s = self._backoff.fail()
                log.warning(
                    "settle_failed", error=str(error), unsettled=self._unsettled(), retry_in_s=round(pause_s, 3)
                )
                await asyncio.sleep(pause_s)

    async def tick(self) -> StoreError | None:
        """Send queued outcomes once and queue again those that the store did not accept.

        All are sent but large results, of which :data:`MAX_RESULT_BYTES` are.

        Returns:
            The first error, if there was one.
        """
        self._arrived.clear()
        successes = self._take_successes()
        failures, self._failures = self._failures, []
        unreadable, self._unreadable = self._unreadable, []
        errors = [
            await self._send(successes, self._settlements.complete, self._successes),
            await self._send(failures, self._settlements.fail, self._failures),
            await self._send_unreadable(unreadable),
        ]
        if self._unsettled():
            self._arrived.set()
        else:
            self._idle.set()
        self._release_backpressure()
        return next((error for error in errors if error), None)

    def _take_successes(self) -> list[tuple[Run, Success]]:
        """Take the oldest successes, at least one and as many as :data:`MAX_RESULT_BYTES` allow."""
        size = 0
        for number, (_, success) in enumerate(self._successes):
            size += len(success.result)
            if number and size > MAX_RESULT_BYTES:
                taken, self._successes = self._successes[:number], self._successes[number:]
                return taken
        taken, self._successes = self._successes, []
        return taken

    async def _send(
        self,
        outcomes: list[tuple[Run, AnOutcome]],
        settle: Callable[[list[AnOutcome]], Awaitable[list[Result[Reply]]]],
        retries: list[tuple[Run, AnOutcome]],
    ) -> StoreError | None:
        if not outcomes:
            return None
        settled, failed = partition(outcomes, await settle([outcome for _, outcome in outcomes]))
        retries.extend(outcome for outcome, _ in failed)
        for (run, _), reply in settled:
            self._in_flight.drop(run)
            if reply is Reply.STALE:
                self._metrics.stale_settles.inc()
                run.context.logger.warning("settle_stale")
        return failed[-1][1] if failed else None

    async def _send_unreadable(self, leases: list[UnreadableLease]) -> StoreError | None:
        if not leases:
            return None
        _, failed = partition(leases, await self._settlements.archive_unreadable(leases))
        self._unreadable.extend(lease for lease, _ in failed)
        return failed[0][1] if failed else None

    def _unsettled(self) -> int:
        return len(self._successes) + len(self._failures) + len(self._unreadable)

    def _release_backpressure(self) -> None:
        if self._below_limit is not None and self._unsettled() < self._max_unsettled:
            self._below_limit.set_result(None)
            self._below_limit = None
