"""A script call as it is sent to the server, and the items of calls that cover many tasks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from queuecore.store.scripts.loader import Script

Argument = str | bytes | int | float
"""A value that the client library sends as one argument of a command."""


class Call(NamedTuple):
    """One call of a script on one queue. The functions of :mod:`queuecore.store.scripts.calls` build it."""

    script: Script
    queue: str
    keys: Sequence[str]
    """KEYS, in the order of the script's header."""
    arguments: Sequence[Argument]
    """ARGV: the queue's key prefix, the arguments, then the fields of each item."""
    size: int = 0
    """About the bytes of the call; 0 for a small one. It decides how many calls are sent at once."""


class Item(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The share of one task in a call; each script with items has a subclass with its fields."""

    queue: str
    """The queue of the task. All items of a call have the same one."""
