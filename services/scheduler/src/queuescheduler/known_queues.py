"""Discovery of queues."""

from __future__ import annotations

from collections.abc import Callable

from queuecore.domain.backoff import Backoff
from queuecore.errors import StoreError
from queuecore.store.queues.reader import QueueReader
from queuecore.store.queues.registry import QueueRegistry
from queuescheduler.tick_loop import run_ticks

INTERVAL_S = 1.0


class KnownQueues:
    """The names of all queues, read from the store once a second.

    A queue that the list has lost is registered again if it holds tasks: nobody may use it until a task is due.

    Args:
        reader: lists the queues.
        registry: restores registrations that the store has lost.
        backoff: between reads while the store is unreachable.
    """

    def __init__(self, *, reader: QueueReader, registry: QueueRegistry, backoff: Backoff) -> None:
        self._reader = reader
        self._registry = registry
        self._backoff = backoff
        self._names: tuple[str, ...] = ()
        self._listeners: list[Callable[[], None]] = []
        self.last_error: StoreError | None = StoreError("the queues have not been read yet")
        """Error of the last read; ``None`` after a success."""

    @property
    def names(self) -> tuple[str, ...]:
        """The queues of the last successful read."""
        return self._names

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` whenever the set of queues changes."""
        self._listeners.append(listener)

    async def run(self) -> None:
        """Read the queues until cancelled."""
        await run_ticks(self.tick, self._backoff, "queue_discovery_failed")

    async def tick(self) -> float:
        """Read the queues once.

        Returns:
            Seconds until the next tick.

        Raises:
            StoreError: the list could not be read or restored; also kept in :attr:`last_error`.
        """
        try:
            names = tuple(await self._reader.names())
            if lost := sorted(set(self._names).difference(names)):
                names = tuple(sorted([*names, *await self._registry.restore(lost)]))
        except StoreError as error:
            self.last_error = error
            raise
        self.last_error = None
        if names != self._names:
            self._names = names
            for listener in self._listeners:
                listener()
        return INTERVAL_S
