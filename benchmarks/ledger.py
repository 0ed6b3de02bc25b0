"""What the handlers did, in memory that all processes of one run share.

Each task of a run has a number. Its handler notes in the ledger that it began, when, and that it ended: a few
instructions, and no command to the store, so that counting costs every contender the same, almost nothing.

Only the standard library: the peers' interpreters have nothing else.
"""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import Self

_BYTES_PER_TASK = 10


class Ledger:
    """The notes of all tasks of a run.

    Args:
        path: a file made by :meth:`create`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), 0)
        self.size = len(self._map) // _BYTES_PER_TASK
        notes = memoryview(self._map)
        self.begun_ns = notes[: 8 * self.size].cast("Q")
        """When the task last began, ``time.monotonic_ns()``, which all processes of a machine share."""
        self.begun = notes[8 * self.size : 9 * self.size]
        """How often it began."""
        self.ended = notes[9 * self.size :]
        """How often it ran to its end."""

    @classmethod
    def create(cls, path: Path, size: int) -> Self:
        """A ledger of tasks that have not begun."""
        with path.open("wb") as file:
            file.truncate(_BYTES_PER_TASK * size)
        return cls(path)

    def count_ended(self, times: int | None = None) -> int:
        """How many tasks ended so often; without ``times``: at least once."""
        ended = bytes(self.ended)
        return ended.count(times) if times is not None else self.size - ended.count(0)
