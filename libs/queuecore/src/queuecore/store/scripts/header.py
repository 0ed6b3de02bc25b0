"""Headers of the Lua scripts: what each script does, takes and returns.

A script begins with a comment of this form::

    -- Renew leases.
    -- Guarantee: only the current lease of an active task is renewed.
    -- KEYS
    --   active        sorted set of ids
    -- ARGV
    --   lease_ms      integer
    -- ARGV per lease
    --   task_id       text
    --   token         token
    -- Returns a reply per lease: DONE, CANCELLED or STALE.

``KEYS`` names fields of :class:`~queuecore.store.scripts.keys.QueueKeys`. ``ARGV`` names the arguments, each with one
of the :data:`KINDS` and, after a comma, its meaning. ``ARGV per <noun>`` names the fields that each item adds.

The order in the header is the order on the wire, and nothing else depends on it: ``loader.py`` declares a Lua local of
each name, and ``generate.py`` writes a Python function with an argument of each name.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import NamedTuple

from queuecore.store.scripts.keys import QueueKeys


class Kind(NamedTuple):
    """A type of argument on both sides of a call."""

    python: str
    """The annotation of the Python argument."""
    lua: str
    """The expression that reads it, with ``{}`` for the element of ARGV. The server passes texts."""


KINDS = {
    "text": Kind("str", "{}"),
    "bytes": Kind("bytes", "{}"),
    "integer": Kind("int", "tonumber({})"),
    # A number that is part of a field's name: two conversions less.
    "digits": Kind("int", "{}"),
    "flag": Kind("bool", "{} == '1'"),
    # Compared with, or made part of, what the record holds as text.
    "token": Kind("FencingToken", "{}"),
    "attempt": Kind("AttemptNumber", "{}"),
}

_COMMENT = re.compile(r"(?:--(?! #).*\n)*")
_HEADING = re.compile(r"^-- (KEYS|ARGV per \w+|ARGV|Returns)\b", re.MULTILINE)
_KEY = re.compile(r"--   (?P<name>[a-z_]+) +\S.*")
_FIELD = re.compile(rf"--   (?P<name>[a-z_]+) +(?P<kind>{'|'.join(KINDS)})(?:, (?P<meaning>.+))?")


class Field(NamedTuple):
    """One argument, or one field of an item."""

    name: str
    kind: Kind
    meaning: str
    """Empty where the name says it all."""


class Header(NamedTuple):
    """The header of one script."""

    script: str
    """The script's name."""
    purpose: str
    keys: tuple[str, ...]
    arguments: tuple[Field, ...]
    item_noun: str
    """The noun for one item, such as task; empty for a script without items."""
    item: tuple[Field, ...]
    """The fields that each item adds to ARGV."""
    returns: str


def read_header(script: str, text: str) -> Header:
    """Parse the header of a script.

    Args:
        script: the script's name.
        text: its source.

    Raises:
        ValueError: the header does not have the form above.
    """
    purpose, *parts = _HEADING.split(_COMMENT.match(text)[0])  # type: ignore[index]
    sections = dict(zip(parts[::2], parts[1::2], strict=True))
    item_heading = next((heading for heading in sections if heading.startswith("ARGV per ")), "")
    if "KEYS" not in sections or "Returns" not in sections:
        raise ValueError(f"{script}.lua: the header needs the sections KEYS and Returns")
    header = Header(
        script=script,
        purpose=_joined(purpose),
        keys=tuple(_match(_KEY, line, script)["name"] for line in _lines(sections["KEYS"])),
        arguments=_fields(sections.get("ARGV", ""), script),
        item_noun=item_heading.removeprefix("ARGV per "),
        item=_fields(sections.get(item_heading, ""), script),
        returns=_joined(sections["Returns"]),
    )
    _check_names(header)
    return header


def _fields(section: str, script: str) -> tuple[Field, ...]:
    found = [_match(_FIELD, line, script) for line in _lines(section)]
    return tuple(Field(each["name"], KINDS[each["kind"]], each["meaning"] or "") for each in found)


def _lines(section: str) -> list[str]:
    return section.strip("\n").splitlines()


def _match(pattern: re.Pattern[str], line: str, script: str) -> re.Match[str]:
    match = pattern.fullmatch(line)
    if match is None:
        raise ValueError(f"{script}.lua: the header line {line!r} has no name and type")
    return match


def _check_names(header: Header) -> None:
    unknown = set(header.keys) - set(QueueKeys._fields)
    if unknown:
        raise ValueError(f"{header.script}.lua: QueueKeys has no field {', '.join(sorted(unknown))}")
    names = Counter([*header.keys, *(field.name for field in (*header.arguments, *header.item)), "prefix"])
    twice = sorted(name for name, number in names.items() if number > 1)
    if twice:
        raise ValueError(f"{header.script}.lua: the header uses a name twice: {', '.join(twice)}")


def _joined(comment: str) -> str:
    """The text of comment lines as one line."""
    return " ".join(line.removeprefix("--").strip() for line in comment.splitlines()).strip()
