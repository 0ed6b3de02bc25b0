"""What the agent asks of a contender's own client library."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Sequence


class Client(ABC):
    """Puts tasks into the store as the contender's users would. Blocking libraries return when done, others await."""

    def open(self) -> Awaitable[None] | None:
        """Connect, where that is not left to the first call."""
        return None

    def prepare(self) -> Awaitable[None] | None:
        """Make what must be there before the first task, in a store that was emptied."""
        return None

    @abstractmethod
    def enqueue(self, kind: str, number: str) -> Awaitable[None] | None:
        """Enqueue one task.

        Args:
            kind: a function of :mod:`benchmarks.peers.work`: ``noop``, ``stamp``, ``nap`` or ``hold``.
            number: its argument.
        """

    def enqueue_batch(self, kind: str, numbers: Sequence[str]) -> Awaitable[None] | None:
        """Enqueue many tasks in one call; asked only of those that have one."""
        raise NotImplementedError

    @abstractmethod
    def schedule(self, kind: str, number: str, due_s: float) -> Awaitable[None] | None:
        """Enqueue a task that is due at a moment, Unix seconds."""

    @abstractmethod
    def unfinished(self) -> Awaitable[int] | int:
        """The tasks in the store that have not ended: waiting, scheduled, running or left by a lost worker."""
