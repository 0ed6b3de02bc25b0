"""What the queues of a pool hold and need, as measured."""

from __future__ import annotations

import math

import msgspec


class QueueLoad(msgspec.Struct, frozen=True, kw_only=True):
    """One queue at one moment."""

    pending: float = 0
    """Tasks that wait."""
    active: float = 0
    """Tasks that run."""
    due_soon: float = 0
    """Scheduled tasks and retries that fall due within the look-ahead."""
    arrivals_per_s: float | None = None
    """Tasks that become pending, per second; ``None`` until two readings lie far enough apart."""
    task_s: float | None = None
    """How long a task runs on average; ``None`` until one has ended."""
    least_task_s: float = 0
    """What the running tasks have shown so far: while none has ended, a task runs at least so long."""
    longest_task_s: float = math.inf
    """No task has been seen to run longer; infinite while none has ended, or when one has outgrown the histogram."""

    @property
    def backlog(self) -> float:
        """Tasks that wait or soon will."""
        return self.pending + self.due_soon


class PoolLoad(msgspec.Struct, frozen=True):
    """All queues of a pool at one moment."""

    queues: tuple[QueueLoad, ...]

    @property
    def pending(self) -> float:
        """Tasks that wait."""
        return sum(each.pending for each in self.queues)

    @property
    def active(self) -> float:
        """Tasks that run."""
        return sum(each.active for each in self.queues)

    @property
    def due_soon(self) -> float:
        """Scheduled tasks and retries that fall due within the look-ahead."""
        return sum(each.due_soon for each in self.queues)

    @property
    def backlog(self) -> float:
        """Tasks that wait or soon will."""
        return self.pending + self.due_soon

    @property
    def is_idle(self) -> bool:
        """Whether there is nothing to do."""
        return self.backlog <= 0 and self.active <= 0

    @property
    def has_rates(self) -> bool:
        """Whether arrivals have been measured long enough."""
        return all(each.arrivals_per_s is not None for each in self.queues)

    @property
    def arrivals_per_s(self) -> float:
        """Tasks that become pending, per second, as far as measured."""
        return sum(each.arrivals_per_s or 0.0 for each in self.queues)

    @property
    def longest_task_s(self) -> float:
        """No task has been seen to run longer."""
        return max((each.longest_task_s for each in self.queues), default=0.0)
