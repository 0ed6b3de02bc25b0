"""Reports outcomes to the store, together, and again until the store has taken them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from queuecore.domain.backoff import Backoff
from queuecore.errors import StoreError
from queuecore.store.attempts.leases import UnreadableLease
from queuecore.store.attempts.settlement import Failure, Settlements, Success
from queuecore.store.client.batch import Settled
from queuecore.store.scripts.replies import Reply
from queueworker.metrics import WorkerMetrics
from queueworker.runs.in_flight import InFlightRuns
from queueworker.runs.run import Run

AnOutcome = TypeVar("AnOutcome")

log = structlog.get_logger()


class Settler:
    """Collects outcomes while a call is under way and sends them with the next one.

    Args:
        settlements: where outcomes go.
        in_flight: loses each run whose outcome the store has taken.
        metrics: counts repeated and stale settles.
        backoff: for a store that is away.
        max_unsettled: outcomes that may wait before no more tasks are leased.
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
        self._room: asyncio.Future[None] | None = None

    def succeed(self, run: Run, success: Success) -> None:
        """Report a success."""
        self._successes.append((run, success))
        self._arrived.set()
        self._idle.clear()

    def fail(self, run: Run, failure: Failure) -> None:
        """Report a failure."""
        self._failures.append((run, failure))
        self._arrived.set()
        self._idle.clear()

    def archive_unreadable(self, leases: list[UnreadableLease]) -> None:
        """Report tasks whose envelope is damaged."""
        for lease in leases:
            log.error("task_unreadable", task_id=lease.task_id, queue=lease.queue, error=lease.error)
        self._unreadable.extend(leases)
        self._arrived.set()
        self._idle.clear()

    def room(self) -> asyncio.Future[None] | None:
        """What to wait for before more tasks are leased; ``None`` when there is room."""
        if self._waiting() < self._max_unsettled:
            return None
        if self._room is None:
            self._room = asyncio.get_running_loop().create_future()
        return asyncio.shield(self._room)

    async def wait_until_idle(self) -> None:
        """Wait until the store has taken all outcomes."""
        await self._idle.wait()

    async def run(self) -> None:
        """Report until cancelled."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            away = await self._flush()
            self._make_room()
            if away is None:
                self._backoff.succeed()
            else:
                self._metrics.settle_retries.inc()
                self._arrived.set()
                pause_s = self._backoff.fail()
                log.warning("settle_failed", error=str(away), waiting=self._waiting(), retry_in_s=round(pause_s, 3))
                await asyncio.sleep(pause_s)

    async def _flush(self) -> StoreError | None:
        """Send all that waits; what the store did not take waits on."""
        successes, self._successes = self._successes, []
        failures, self._failures = self._failures, []
        unreadable, self._unreadable = self._unreadable, []
        errors = [
            await self._send(successes, self._settlements.complete, self._successes),
            await self._send(failures, self._settlements.fail, self._failures),
            await self._put_away(unreadable),
        ]
        if not self._waiting():
            self._idle.set()
        return next((error for error in errors if error), None)

    async def _send(
        self,
        outcomes: list[tuple[Run, AnOutcome]],
        settle: Callable[[list[AnOutcome]], Awaitable[list[Settled]]],
        again: list[tuple[Run, AnOutcome]],
    ) -> StoreError | None:
        if not outcomes:
            return None
        failed = None
        replies = await settle([outcome for _, outcome in outcomes])
        for (run, outcome), reply in zip(outcomes, replies, strict=True):
            if isinstance(reply, StoreError):
                failed = reply
                again.append((run, outcome))
                continue
            self._in_flight.drop(run)
            if reply is Reply.STALE:
                self._metrics.stale_settles.inc()
                run.context.logger.warning("settle_stale")
        return failed

    async def _put_away(self, leases: list[UnreadableLease]) -> StoreError | None:
        if not leases:
            return None
        replies = await self._settlements.archive_unreadable(leases)
        failed = [(lease, reply) for lease, reply in zip(leases, replies, strict=True) if isinstance(reply, StoreError)]
        self._unreadable.extend(lease for lease, _ in failed)
        return failed[0][1] if failed else None

    def _waiting(self) -> int:
        return len(self._successes) + len(self._failures) + len(self._unreadable)

    def _make_room(self) -> None:
        if self._room is not None and self._waiting() < self._max_unsettled:
            self._room.set_result(None)
            self._room = None
