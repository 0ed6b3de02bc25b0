"""Durability of an enqueue: the copies of a task that exist before it is acknowledged."""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from queuecore.errors import InvalidField

MAX_REPLICAS = 99
DURABILITY_PATTERN = r"(memory|fsync|replicas:[1-9][0-9]?)"
"""A regular expression for levels, without anchors; for schemas."""
EXPECTED = f"memory, fsync or replicas:N with N from 1 to {MAX_REPLICAS}"

_FORM = re.compile(r"(?P<level>memory|fsync)|replicas:(?P<replicas>[1-9][0-9]?)")


class Durability(msgspec.Struct, frozen=True):
    """A level of durability, written as ``memory``, ``fsync`` or ``replicas:N``."""

    level: Literal["memory", "fsync", "replicas"] = "memory"
    replicas: int = 0
    """The replicas that acknowledge a task; 0 for the other levels."""

    def __str__(self) -> str:
        return f"replicas:{self.replicas}" if self.level == "replicas" else self.level


MEMORY = Durability()
"""The task is in the primary's memory."""
FSYNC = Durability("fsync")
"""The task is also on the primary's disk."""


class InvalidDurability(InvalidField):
    """A text is not a level of durability."""


def parse_durability(text: str, field: str = "durability") -> Durability:
    """Parse a level.

    Args:
        text: the level.
        field: the name of the field in the error.

    Raises:
        InvalidDurability: ``text`` is not a level.
    """
    match = _FORM.fullmatch(text)
    if match is None:
        raise InvalidDurability(field, text, EXPECTED)
    if match["replicas"]:
        return Durability("replicas", int(match["replicas"]))
    return FSYNC if match["level"] == "fsync" else MEMORY
