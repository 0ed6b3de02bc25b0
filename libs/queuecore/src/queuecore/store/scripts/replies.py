"""Reply codes of the scripts; ``lua/include/reply.lua`` has the same names and numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import IntEnum
from typing import Any


class Reply(IntEnum):
    """The outcome of a script for one task."""

    DONE = 0
    """The script did what it was asked."""
    NOT_FOUND = 1
    """The task does not exist."""
    ACTIVE = 2
    """The task is running."""
    FINAL = 3
    """The task has ended."""
    STALE = 4
    """The caller's lease is not the current one; nothing was changed."""
    CANCELLED = 5
    """Done, and the cancellation of the task was requested."""
    DUPLICATE_ID = 6
    """A task with this id exists."""
    LOCKED = 7
    """Another task holds the unique lock."""
    REPLAYED = 8
    """The enqueue was repeated; the reply has the first answer."""
    TOO_DEEP = 9
    """The queue has reached its ``max_depth``."""
    TOO_LARGE = 10
    """The task would exceed the ``max_bytes`` of the queue."""
    OTHER_DURABILITY = 11
    """The queue has another durability than the caller provides; nothing was written."""


def names(values: Iterable[bytes]) -> list[str]:
    """The names in a reply. Bytes that are no UTF-8 are damage and left out: they must not stop the other ones."""
    found = (value.decode(errors="replace") for value in values)
    return [name for name in found if "\ufffd" not in name]


def pairs(flat: list[bytes]) -> dict[bytes, bytes]:
    """A flat reply of alternating fields and values, such as the reply to HGETALL, as a dict."""
    return dict(zip(flat[::2], flat[1::2], strict=True))


def rows(flat: list[Any], width: int) -> Iterator[tuple[Any, ...]]:
    """The rows of a flat reply, each of ``width`` cells."""
    cells = iter(flat)
    return zip(*[cells] * width, strict=True)
