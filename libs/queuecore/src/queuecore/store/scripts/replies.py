"""The numbers by which scripts tell what they did; the same names stand in ``lua/include/reply.lua``."""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum
from typing import Any


class Reply(IntEnum):
    """What became of one task in a script call."""

    DONE = 0
    """It was done."""
    NOT_FOUND = 1
    """There is no such task."""
    ACTIVE = 2
    """The task is running."""
    FINAL = 3
    """The task has ended."""
    STALE = 4
    """The caller's lease is not the current one; nothing was changed."""
    CANCELLED = 5
    """Done, and the task's cancel was asked for."""
    DUPLICATE_ID = 6
    """A task with this id exists."""
    LOCKED = 7
    """Another task holds the unique lock."""
    REPLAYED = 8
    """This enqueue was done before; the first answer is given again."""
    TOO_DEEP = 9
    """The queue holds as many waiting tasks as it may."""
    TOO_LARGE = 10
    """The queue's tasks would take more bytes than they may."""


def pairs(flat: list[bytes]) -> dict[bytes, bytes]:
    """A flat reply of alternating fields and values, such as that of HGETALL, as a dict."""
    return dict(zip(flat[::2], flat[1::2], strict=True))


def rows(flat: list[Any], width: int) -> Iterator[tuple[Any, ...]]:
    """A script's flat reply, ``width`` cells at a time."""
    cells = iter(flat)
    return zip(*[cells] * width, strict=True)
