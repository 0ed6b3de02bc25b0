"""The Lua scripts: loading, includes, headers.

A script begins with a comment that states its purpose and guarantee and lists what it takes::

    -- KEYS
    --   1 pending    sorted set of ids
    -- ARGV
    --   1 prefix     text
    --   2 limit      integer
    --   then per task: id text, token integer

The names under KEYS are fields of :class:`~queuecore.store.scripts.keys.QueueKeys`: callers hand over the queue, never
positions, so the two cannot drift apart. The numbers of ARGV are checked at each call.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha1
from importlib.resources import files

from queuecore.store.scripts.keys import QueueKeys

Argument = str | bytes | int | float

_INCLUDE = re.compile(r'^-- #include "(?P<name>[a-z_]+)"$', re.MULTILINE)
_NUMBERED = re.compile(r"^--   (?P<number>\d+) (?P<name>[a-z_]+)\b", re.MULTILINE)
_PER_ITEM = re.compile(r"^--   then per \w+: (?P<fields>.+)$", re.MULTILINE)
_LUA = files("queuecore.store") / "lua"


@dataclass(frozen=True)
class Script:
    """One Lua script as it is sent to the server."""

    name: str
    source: str
    sha: str
    keys: tuple[str, ...]
    """The fields of :class:`~queuecore.store.scripts.keys.QueueKeys` that it takes, in order."""
    arguments: tuple[str, ...]
    """The fixed arguments."""
    item_width: int
    """How many arguments each item adds; 0 when it takes no items."""

    def keys_of(self, queue: QueueKeys) -> list[str]:
        """The KEYS of a call on ``queue``."""
        return [getattr(queue, name) for name in self.keys]

    def check(self, arguments: Sequence[Argument]) -> None:
        """Refuse a call whose ARGV cannot be what the header declares.

        Raises:
            TypeError: the caller is wrong.
        """
        items = len(arguments) - len(self.arguments)
        if items < 0 or (items % self.item_width if self.item_width else items):
            raise TypeError(
                f"{self.name}.lua takes {len(self.arguments)} arguments and {self.item_width} per item, "
                f"got {len(arguments)}"
            )


@cache
def load_script(name: str) -> Script:
    """Read ``lua/<name>.lua``, with its includes put in.

    Raises:
        FileNotFoundError: there is no such script.
        ValueError: its header is not as described above.
    """
    text = (_LUA / f"{name}.lua").read_text()
    header = re.split(r"^(?!--)", text, maxsplit=1, flags=re.MULTILINE)[0]
    keys_part, _, arguments_part = header.partition("-- ARGV")
    source = _INCLUDE.sub(lambda found: (_LUA / "include" / f"{found['name']}.lua").read_text(), text)
    per_item = _PER_ITEM.search(arguments_part)
    return Script(
        name=name,
        source=source,
        # The server names scripts by their SHA-1; nothing is protected by it.
        sha=sha1(source.encode(), usedforsecurity=False).hexdigest(),
        keys=_numbered(name, keys_part),
        arguments=_numbered(name, arguments_part),
        item_width=per_item["fields"].count(",") + 1 if per_item else 0,
    )


def _numbered(script: str, part: str) -> tuple[str, ...]:
    found = list(_NUMBERED.finditer(part))
    if [int(each["number"]) for each in found] != list(range(1, len(found) + 1)):
        raise ValueError(f"{script}.lua: the header does not number its KEYS and ARGV from 1")
    return tuple(each["name"] for each in found)
