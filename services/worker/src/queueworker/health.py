"""Whether the worker is alive and ready, in the words of its probes."""

from __future__ import annotations

import time

from queuecore.observe.probes import LoopHeartbeat
from queuecore.process import StopSignals
from queueworker.roles.registration import Registration
from queueworker.roles.renewer import Renewer

LOOP_STALL_S = 15.0
"""A handler that blocks the event loop for so long keeps all others from running."""
RENEWALS_MISSED = 3


class Health:
    """BatchReply the probes. Its methods are called from the probe server's threads."""

    def __init__(
        self, *, heartbeat: LoopHeartbeat, renewer: Renewer, registration: Registration, stop: StopSignals
    ) -> None:
        self._heartbeat = heartbeat
        self._renewer = renewer
        self._registration = registration
        self._stop = stop

    def live(self) -> str | None:
        """Why the process should be killed; ``None`` when it is alive."""
        stalled_s = self._heartbeat.stalled_s()
        if stalled_s > LOOP_STALL_S:
            return f"the event loop has been blocked for {stalled_s:.1f} s"
        silent_s = time.monotonic() - self._renewer.last_turn_at
        if silent_s > self._renewer.interval_s * RENEWALS_MISSED + LOOP_STALL_S:
            return f"leases have not been renewed for {silent_s:.1f} s"
        return None

    def ready(self) -> str | None:
        """Why the worker takes no tasks; ``None`` when it does."""
        if self._stop.asked:
            return "draining"
        if error := self._registration.last_error:
            return f"the store is away: {error}"
        return self.live()
