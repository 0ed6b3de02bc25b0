"""Which queues there are."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from queuecore.domain.backoff import Backoff
from queuecore.errors import StoreError
from queuecore.store.queues.reader import QueueReader

INTERVAL_S = 1.0

log = structlog.get_logger()


class KnownQueues:
    """The names of all queues, kept fresh.

    Args:
        reader: where they are listed.
        backoff: for a store that is away.
    """

    def __init__(self, *, reader: QueueReader, backoff: Backoff) -> None:
        self._reader = reader
        self._backoff = backoff
        self._names: tuple[str, ...] = ()
        self._listeners: list[Callable[[], None]] = []
        self.last_error: StoreError | None = StoreError("the queues have not been read yet")
        """Why they could not be read the last time; ``None`` when they could."""

    @property
    def names(self) -> tuple[str, ...]:
        """The queues that were there when last looked."""
        return self._names

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` whenever queues have come."""
        self._listeners.append(listener)

    async def run(self) -> None:
        """Look again and again until cancelled."""
        while True:
            pause_s = await self._refresh()
            await asyncio.sleep(pause_s)

    async def _refresh(self) -> float:
        """Look once; seconds until the next look."""
        try:
            names = tuple(await self._reader.names())
        except StoreError as error:
            self.last_error = error
            pause_s = self._backoff.fail()
            log.warning("queues_unknown", error=str(error), retry_in_s=round(pause_s, 3))
            return pause_s
        self.last_error = None
        self._backoff.succeed()
        if names != self._names:
            self._names = names
            for listener in self._listeners:
                listener()
        return INTERVAL_S
