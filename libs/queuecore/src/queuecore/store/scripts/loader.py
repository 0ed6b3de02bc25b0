"""Loading of the Lua scripts: includes, and a local for each key and argument that the header names.

The text of a script has three directives, each a comment on a line of its own:

- ``-- #include "now"`` is replaced by ``lua/include/now.lua``.
- ``-- #item`` is replaced by a ``local`` for each field of the item that starts at ``ARGV[item]``. Together with the
  generated ``FIRST_ITEM`` and ``ITEM_WIDTH`` it makes the loop over items::

      for item = FIRST_ITEM, #ARGV, ITEM_WIDTH do
        -- #item

- ``-- #item task_id`` declares only the fields that follow it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from hashlib import sha1
from importlib.resources import files
from typing import NamedTuple

from queuecore.store.scripts.header import Field, Header, read_header

_LUA = files("queuecore.store") / "lua"
_INCLUDE = re.compile(r'^-- #include "(?P<name>[a-z_]+)"$', re.MULTILINE)
_ITEM = re.compile(r"-- #item(?P<names>(?: [a-z_]+)*)$", re.MULTILINE)


class Script(NamedTuple):
    """One Lua script as it is sent to the server."""

    name: str
    source: str
    sha: str
    """The SHA-1 of the source, by which ``EVALSHA`` names it."""


@cache
def load_script(name: str) -> Script:
    """Load ``lua/<name>.lua``.

    Raises:
        FileNotFoundError: there is no such script.
        ValueError: its header is malformed, see :mod:`queuecore.store.scripts.header`.
        KeyError: ``-- #item`` names a field that the header does not have.
    """
    text = (_LUA / f"{name}.lua").read_text()
    header = read_header(name, text)
    source = "\n".join((_declarations(header), _INCLUDE.sub(_included, text)))
    source = _ITEM.sub(lambda found: _item_locals(header, found["names"].split()), source)
    # The server names scripts by their SHA-1; nothing is protected by it.
    return Script(name, source, sha1(source.encode(), usedforsecurity=False).hexdigest())


def load_headers() -> list[Header]:
    """The headers of all scripts, by name."""
    texts = {path.name.removesuffix(".lua"): path for path in _LUA.iterdir() if path.name.endswith(".lua")}
    return [read_header(name, texts[name].read_text()) for name in sorted(texts)]


def _included(found: re.Match[str]) -> str:
    return (_LUA / "include" / f"{found['name']}.lua").read_text()


def _declarations(header: Header) -> str:
    """The locals that are the same for the whole call, on one line."""
    first_argument = 2
    lines = ["local prefix = ARGV[1]"]
    if header.keys:
        lines.append(_local(header.keys, [f"KEYS[{place}]" for place, _ in enumerate(header.keys, start=1)]))
    if header.arguments:
        places = range(first_argument, first_argument + len(header.arguments))
        lines.append(_local_fields(header.arguments, [f"ARGV[{place}]" for place in places]))
    if header.item:
        first_item = first_argument + len(header.arguments)
        lines.append(f"local FIRST_ITEM, ITEM_WIDTH = {first_item}, {len(header.item)}")
    return " ".join(lines)


def _item_locals(header: Header, names: Sequence[str]) -> str:
    places = {field.name: place for place, field in enumerate(header.item)}
    chosen = [header.item[places[name]] for name in names or places]
    return _local_fields(chosen, [f"ARGV[item{_offset(places[field.name])}]" for field in chosen])


def _offset(place: int) -> str:
    return f" + {place}" if place else ""


def _local_fields(fields: Sequence[Field], elements: Sequence[str]) -> str:
    values = [field.kind.lua.format(element) for field, element in zip(fields, elements, strict=True)]
    return _local([field.name for field in fields], values)


def _local(names: Sequence[str], values: Sequence[str]) -> str:
    return f"local {', '.join(names)} = {', '.join(values)}"
