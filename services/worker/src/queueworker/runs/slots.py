"""Slots: the limit of tasks that one worker runs concurrently."""

from __future__ import annotations

import asyncio


class Slots:
    """Counts running tasks up to a limit.

    Args:
        total: the limit.
    """

    def __init__(self, total: int) -> None:
        self.total = total
        self.busy = 0
        self._some_free = asyncio.Event()
        self._some_free.set()
        self._all_free = asyncio.Event()
        self._all_free.set()

    @property
    def free(self) -> int:
        """Number of tasks that may start now."""
        return self.total - self.busy

    def take(self) -> None:
        """Take one slot. Callers take no more than :attr:`free`."""
        self.busy += 1
        self._all_free.clear()
        if self.busy >= self.total:
            self._some_free.clear()

    def give_back(self, *_: object) -> None:
        """Give one slot back. Usable as a done callback."""
        self.busy -= 1
        self._some_free.set()
        if self.busy == 0:
            self._all_free.set()

    async def wait_until_some_free(self) -> None:
        """Wait until a task may start."""
        await self._some_free.wait()

    async def wait_until_all_free(self) -> None:
        """Wait until no task runs."""
        await self._all_free.wait()
