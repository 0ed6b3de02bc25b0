"""Subscription to cancel requests. A missed one takes effect at the next lease renewal."""

from __future__ import annotations

import asyncio

import structlog

from queuecore.domain.backoff import Backoff
from queuecore.errors import StoreError
from queuecore.store.attempts.notifications import Notifications
from queueworker.runs.in_flight import InFlightRuns
from queueworker.runs.run import StopReason

log = structlog.get_logger()


class CancelListener:
    """Stops a run when a cancel of its task is published.

    Args:
        notifications: publishes the cancel requests.
        in_flight: the runs of this worker.
        backoff: between subscriptions while the store is unreachable.
    """

    def __init__(self, *, notifications: Notifications, in_flight: InFlightRuns, backoff: Backoff) -> None:
        self._notifications = notifications
        self._in_flight = in_flight
        self._backoff = backoff

    async def run(self) -> None:
        """Listen until cancelled."""
        while True:
            try:
                async for queue, task_id in self._notifications.cancels():
                    self._backoff.succeed()
                    if run := self._in_flight.find(queue, task_id):
                        run.stop(StopReason.CANCELLED)
            except StoreError as error:
                pause_s = self._backoff.fail()
                log.warning("cancel_subscription_lost", error=str(error), retry_in_s=round(pause_s, 3))
                await asyncio.sleep(pause_s)
