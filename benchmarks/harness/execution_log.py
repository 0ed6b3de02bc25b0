"""Log of task executions in memory shared by all processes of a run.

Each task of a run has a number. Its handler records its start, the time of the start and its end: a few instructions
and no store command. The cost of counting is therefore the same for every contender, and negligible.

Uses the standard library only, because the interpreters of the peers have nothing else.
"""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import Self

_BYTES_PER_TASK = 10


class ExecutionLog:
    """Start and end of every task of a run.

    Args:
        path: a file created by :meth:`create`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), 0)
        self.size = len(self._map) // _BYTES_PER_TASK
        view = memoryview(self._map)
        self.begun_ns = view[: 8 * self.size].cast("Q")
        """Last start of each task, ``time.monotonic_ns()``, a clock shared by all processes of a machine."""
        self.begun = view[8 * self.size : 9 * self.size]
        """Number of starts of each task."""
        self.ended = view[9 * self.size :]
        """Number of completed executions of each task."""

    @classmethod
    def create(cls, path: Path, size: int) -> Self:
        """A log of ``size`` tasks that have not started."""
        with path.open("wb") as file:
            file.truncate(_BYTES_PER_TASK * size)
        return cls(path)

    def count_ended(self, times: int | None = None) -> int:
        """Tasks that ended exactly ``times`` times; without ``times``, at least once."""
        ended = bytes(self.ended)
        return ended.count(times) if times is not None else self.size - ended.count(0)
