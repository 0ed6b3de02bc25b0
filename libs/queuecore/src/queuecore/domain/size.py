"""Sizes in bytes in the notation of people: ``1MiB``, ``512Ki``, ``2MB``, ``1048576``."""

from __future__ import annotations

import re

from queuecore.errors import InvalidField

_FORM = re.compile(r"([0-9]{1,15})(?:([KMGT]i)B?|([kKMGT]?)B)?")
_BINARY_UNITS = {"Ki": 1024, "Mi": 1024**2, "Gi": 1024**3, "Ti": 1024**4}
_DECIMAL_UNITS = {"": 1, "k": 1000, "K": 1000, "M": 1000**2, "G": 1000**3, "T": 1000**4}


def parse_size(text: str, field: str = "size") -> int:
    """Parse a size into bytes.

    Accepts a whole number with an optional binary unit (``Ki``, ``MiB``, ...) or decimal unit (``kB``, ``MB``, ...).

    Raises:
        InvalidField: ``text`` has another format.
    """
    match = _FORM.fullmatch(text)
    if match is None:
        raise InvalidField(field, text, "a size such as 1MiB, 512KiB or 1048576")
    number, binary, decimal = match.groups()
    return int(number) * (_BINARY_UNITS[binary] if binary else _DECIMAL_UNITS[decimal or ""])


def format_size(size: int) -> str:
    """Format a size with the largest binary unit that leaves a whole number: ``1MiB``, ``1500B``.

    Args:
        size: bytes, 0 or more.
    """
    for unit, factor in reversed(_BINARY_UNITS.items()):
        if size and size % factor == 0:
            return f"{size // factor}{unit}B"
    return f"{size}B"
