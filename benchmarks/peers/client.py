"""Interface to a contender's client library, used by the driver."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Sequence


class Client(ABC):
    """Enqueues tasks as users of the contender do; methods of blocking libraries return when done, others are async."""

    def open(self) -> Awaitable[None] | None:
        """Connect, unless the library connects on the first call."""
        return None

    def prepare(self) -> Awaitable[None] | None:
        """Create what the queue needs before the first task, in an empty store."""
        return None

    @abstractmethod
    def enqueue(self, kind: str, number: str) -> Awaitable[None] | None:
        """Enqueue one task.

        Args:
            kind: a function of :mod:`benchmarks.peers.workload`: ``noop``, ``stamp``, ``nap`` or ``hold``.
            number: its argument.
        """

    def enqueue_batch(self, kind: str, numbers: Sequence[str]) -> Awaitable[None] | None:
        """Enqueue many tasks in one call; used only for libraries with such a call."""
        raise NotImplementedError

    @abstractmethod
    def schedule(self, kind: str, number: str, due_s: float) -> Awaitable[None] | None:
        """Enqueue a task with a due time in Unix seconds."""

    @abstractmethod
    def unfinished(self) -> Awaitable[int] | int:
        """Count unfinished tasks in the store: pending, scheduled, running or orphaned by a lost worker."""
