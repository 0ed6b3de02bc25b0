"""Lifespans of the apps in the worker's process: entered before the first lease, exited after the drain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import structlog

from taskyard.lifespan import Lifespan

log = structlog.get_logger()


class Lifespans:
    """Enters and exits lifespans.

    Args:
        lifespans: in the order in which they are entered.
    """

    def __init__(self, lifespans: Sequence[Lifespan[Any]]) -> None:
        self._lifespans = lifespans
        self._entered: list[Lifespan[Any]] = []

    async def enter(self) -> bool:
        """Enter all; false if one failed, which is logged. Those that were entered are to be exited all the same."""
        for each in self._lifespans:
            try:
                await each.enter()
            except Exception:
                log.exception("lifespan_failed", phase="start")
                return False
            self._entered.append(each)
        return True

    async def exit(self) -> None:
        """Exit those that were entered, the last first. Failures are logged."""
        while self._entered:
            try:
                await self._entered.pop().exit()
            except Exception:
                log.exception("lifespan_failed", phase="stop")
