"""Slices of large bodies, and the turns of the event loop between them.

The objects of a body can take thirty times its size and a tenth of a second per megabyte. Large bodies are therefore
handled in slices. Requests of all clients wait for turns in order, and other work goes on between two turns.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

SLICE_BYTES = 512 * 1024
"""Maximum size of a slice with more than one task, and of a batch that is not sliced."""
TURN_BYTES = 64 * 1024
"""Work on a larger body or slice needs a turn."""
LOOP_PASSES = 6
"""Passes of the event loop before a turn: enough to accept a connection, read a request and answer it."""


class Turns:
    """Lets one slice of a large body be handled at a time, with passes of the event loop before each."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()

    async def take(self, size_bytes: int) -> None:
        """Wait for a turn, which lasts until the caller waits for something else.

        Args:
            size_bytes: size of the body or slice to handle; a small one does not wait.
        """
        if size_bytes > TURN_BYTES:
            async with self._lock:
                for _ in range(LOOP_PASSES):
                    await asyncio.sleep(0)


class Slice(NamedTuple):
    """Consecutive tasks of a batch."""

    texts: list[bytes]
    size: int
    """Bytes of all texts; more than :data:`SLICE_BYTES` only for a single task."""


def slices(tasks: Iterable[msgspec.Raw]) -> Iterator[Slice]:
    """Split a batch into runs of at most :data:`SLICE_BYTES`; a larger task is a run of its own."""
    part: list[bytes] = []
    size = 0
    for text in map(bytes, tasks):
        if part and size + len(text) > SLICE_BYTES:
            yield Slice(part, size)
            part, size = [], 0
        part.append(text)
        size += len(text)
    yield Slice(part, size)
