from __future__ import annotations

import pytest

from queuecore.store.scripts.header import KINDS, Field, Header, read_header

RENEW = """\
-- Renew leases.
-- Guarantee: only the current lease
-- is renewed.
-- KEYS
--   active        sorted set of ids
-- ARGV
--   lease_ms      integer, more than 0
-- ARGV per lease
--   task_id       text
--   token         token
-- Returns a reply per lease:
-- DONE or STALE.
-- #include "now"

local id = 1 -- not part of the header
"""


def test_header_is_read_when_it_has_all_sections() -> None:
    assert read_header("renew", RENEW) == Header(
        script="renew",
        purpose="Renew leases. Guarantee: only the current lease is renewed.",
        keys=("active",),
        arguments=(Field("lease_ms", KINDS["integer"], "more than 0"),),
        item_noun="lease",
        item=(Field("task_id", KINDS["text"], ""), Field("token", KINDS["token"], "")),
        returns="a reply per lease: DONE or STALE.",
    )


def test_header_has_no_item_when_it_names_none() -> None:
    header = read_header("wake", "-- Wake.\n-- KEYS\n--   wake          list\n-- Returns nothing.\nreturn nil\n")
    assert (header.arguments, header.item_noun, header.item) == ((), "", ())


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("-- KEYS\n--   active        sorted set of ids\n", "", "sections KEYS and Returns"),
        ("-- Returns a reply per lease:", "-- A reply per lease:", "sections KEYS and Returns"),
        ("--   active        sorted", "--   busy          sorted", "QueueKeys has no field busy"),
        ("integer, more than 0", "number", r"'--   lease_ms      number' has no name and type"),
        ("--   token         token", "--   lease_ms      token", "uses a name twice: lease_ms"),
        ("--   token         token", "--   prefix        text", "uses a name twice: prefix"),
    ],
)
def test_header_is_refused_when_it_is_malformed(old: str, new: str, why: str) -> None:
    with pytest.raises(ValueError, match=rf"renew\.lua: .*{why}"):
        read_header("renew", RENEW.replace(old, new))
