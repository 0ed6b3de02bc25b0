"""Liveness and readiness of a scheduler."""

from __future__ import annotations

from queuecore.observe.probes import LoopHeartbeat
from queuecore.process import StopSignals
from queuescheduler.known_queues import KnownQueues

LOOP_STALL_S = 15.0
"""Time after which a blocked event loop fails ``/live``."""


class Health:
    """Checks behind ``/live`` and ``/ready``. The threads of the probe server call them.

    Args:
        heartbeat: of the event loop.
        queues: their last read shows whether the store is reachable.
        stop: set when the scheduler stops.
    """

    def __init__(self, *, heartbeat: LoopHeartbeat, queues: KnownQueues, stop: StopSignals) -> None:
        self._heartbeat = heartbeat
        self._queues = queues
        self._stop = stop

    def live(self) -> str | None:
        """Reason to restart the process; ``None`` while it is alive."""
        stalled_s = self._heartbeat.stalled_s()
        return f"the event loop has been blocked for {stalled_s:.1f} s" if stalled_s > LOOP_STALL_S else None

    def ready(self) -> str | None:
        """Reason to be not ready; ``None`` when the scheduler is."""
        if self._stop.asked:
            return "stopping"
        if error := self._queues.last_error:
            return f"the store is unavailable: {error}"
        return self.live()
