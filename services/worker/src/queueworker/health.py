"""Liveness and readiness of a worker."""

from __future__ import annotations

import time

from queuecore.observe.probes import LoopHeartbeat
from queuecore.process import StopSignals
from queueworker.roles.registration import Registration
from queueworker.roles.renewer import Renewer

LOOP_STALL_S = 15.0
"""Time after which a blocked event loop fails ``/live``: a handler that blocks it stops all other handlers."""
MAX_MISSED_RENEWALS = 3


class Health:
    """Checks behind ``/live`` and ``/ready``. The threads of the probe server call them.

    Args:
        heartbeat: of the event loop.
        renewer: its last tick shows whether leases are renewed.
        registration: its last heartbeat shows whether the store is reachable.
        stop: set when the worker drains.
    """

    def __init__(
        self, *, heartbeat: LoopHeartbeat, renewer: Renewer, registration: Registration, stop: StopSignals
    ) -> None:
        self._heartbeat = heartbeat
        self._renewer = renewer
        self._registration = registration
        self._stop = stop

    def live(self) -> str | None:
        """Reason to restart the process; ``None`` while it is alive."""
        stalled_s = self._heartbeat.stalled_s()
        if stalled_s > LOOP_STALL_S:
            return f"the event loop has been blocked for {stalled_s:.1f} s"
        overdue_s = time.monotonic() - self._renewer.last_tick_at
        if overdue_s > self._renewer.interval_s * MAX_MISSED_RENEWALS + LOOP_STALL_S:
            return f"leases have not been renewed for {overdue_s:.1f} s"
        return None

    def ready(self) -> str | None:
        """Reason to be not ready; ``None`` when the worker leases tasks."""
        if self._stop.asked:
            return "draining"
        if error := self._registration.last_error:
            return f"the store is unavailable: {error}"
        return self.live()
