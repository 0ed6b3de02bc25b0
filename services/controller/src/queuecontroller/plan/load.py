"""Load: measured state of a pool's queues."""

from __future__ import annotations

import math

import msgspec


class QueueLoad(msgspec.Struct, frozen=True, kw_only=True):
    """The load of one queue."""

    pending: float = 0
    """Pending tasks."""
    active: float = 0
    """Running tasks."""
    due_soon: float = 0
    """Scheduled tasks and retries due within the look-ahead."""
    oldest_pending_s: float = 0
    """Age of the oldest pending task, in seconds."""
    arrivals_per_s: float | None = None
    """Tasks that become pending per second; ``None`` until two readings are far enough apart."""
    task_s: float | None = None
    """Mean seconds per task that arrives; ``None`` until one has ended."""
    waiting_task_s: float | None = None
    """Mean seconds per pending task; ``None`` if it is not known to differ."""
    least_task_s: float = 0
    """Lower bound of ``task_s`` while no task has ended, from the time that tasks have run so far."""
    longest_task_s: float = math.inf
    """Upper bound of the seconds per task; infinite until one has ended, or beyond the histogram's last bucket."""

    @property
    def backlog(self) -> float:
        """Pending tasks, and those due soon."""
        return self.pending + self.due_soon


class PoolLoad(msgspec.Struct, frozen=True):
    """The load of all queues of a pool."""

    queues: tuple[QueueLoad, ...]

    @property
    def pending(self) -> float:
        """Pending tasks."""
        return sum(each.pending for each in self.queues)

    @property
    def active(self) -> float:
        """Running tasks."""
        return sum(each.active for each in self.queues)

    @property
    def due_soon(self) -> float:
        """Scheduled tasks and retries due within the look-ahead."""
        return sum(each.due_soon for each in self.queues)

    @property
    def backlog(self) -> float:
        """Pending tasks, and those due soon."""
        return self.pending + self.due_soon

    @property
    def is_idle(self) -> bool:
        """True if no task is running, pending or due soon."""
        return self.backlog <= 0 and self.active <= 0

    @property
    def has_rates(self) -> bool:
        """True if the arrival rates of all queues are known."""
        return all(each.arrivals_per_s is not None for each in self.queues)

    @property
    def arrivals_per_s(self) -> float:
        """Tasks that become pending per second; unknown rates count as 0."""
        return sum(each.arrivals_per_s or 0.0 for each in self.queues)

    @property
    def longest_task_s(self) -> float:
        """Upper bound of the seconds per task."""
        return max((each.longest_task_s for each in self.queues), default=0.0)
