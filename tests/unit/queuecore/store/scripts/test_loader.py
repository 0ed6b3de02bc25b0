from __future__ import annotations

import re
from pathlib import Path

import pytest

from queuecore import store as store_package
from queuecore.store.scripts.header import read_header
from queuecore.store.scripts.loader import load_script
from queuecore.store.scripts.replies import Reply

LUA = Path(store_package.__file__).parent / "lua"
NAMES = sorted(path.stem for path in LUA.glob("*.lua"))


@pytest.mark.parametrize(
    ("name", "declaration"),
    [
        ("find", "local prefix = ARGV[1]"),
        ("find", "local task_id = ARGV[2]"),
        ("renew", "local active = KEYS[1]"),
        ("renew", "local lease_ms = tonumber(ARGV[2])"),
        ("renew", "local FIRST_ITEM, ITEM_WIDTH = 3, 2"),
        ("renew", "local task_id, token = ARGV[item], ARGV[item + 1]"),
        ("enqueue", "local FIRST_ITEM, ITEM_WIDTH = 5, 9"),
        ("enqueue", "  local task_id = ARGV[item]\n"),
        ("pause", "local pause = ARGV[2] == '1'"),
    ],
)
def test_script_declares_what_its_header_names(name: str, declaration: str) -> None:
    assert declaration in load_script(name).source


@pytest.mark.parametrize("name", NAMES)
def test_script_has_no_directive_left_when_it_is_loaded(name: str) -> None:
    assert "-- #" not in load_script(name).source


@pytest.mark.parametrize("path", sorted(LUA.rglob("*.lua")), ids=lambda path: path.stem)
def test_script_body_counts_no_positions(path: Path) -> None:
    assert not re.findall(r"(?:KEYS|ARGV)\[", path.read_text())


@pytest.mark.parametrize("name", NAMES)
def test_script_uses_all_that_its_header_names(name: str) -> None:
    header = read_header(name, (LUA / f"{name}.lua").read_text())
    body = re.sub(r"--.*", "", (LUA / f"{name}.lua").read_text())
    named = {*header.keys, *(field.name for field in (*header.arguments, *header.item))}
    assert {each for each in named if not re.search(rf"\b{each}\b", body)} == set()


def test_replies_are_the_same_in_lua_and_python() -> None:
    text = (LUA / "include" / "reply.lua").read_text()
    names, numbers = re.search(r"local (.+) = (.+)\n", text).groups()  # type: ignore[union-attr]
    in_lua = dict(zip(names.split(", "), map(int, numbers.split(", ")), strict=True))
    assert in_lua == {reply.name: reply.value for reply in Reply}
