from __future__ import annotations

import re
from pathlib import Path

import pytest

from queuecore import store as store_package
from queuecore.store.scripts.keys import QueueKeys, queue_keys
from queuecore.store.scripts.loader import load_script
from queuecore.store.scripts.replies import Reply
from queuecore.testing.store import TestStore

LUA = Path(store_package.__file__).parent / "lua"
NAMES = sorted(path.stem for path in LUA.glob("*.lua"))


@pytest.mark.parametrize("name", NAMES)
async def test_script_is_accepted_by_the_server(store: TestStore, name: str) -> None:
    script = load_script(name)
    assert (await store.server.command("SCRIPT", "LOAD", script.source)) == script.sha.encode()


@pytest.mark.parametrize("name", NAMES)
def test_script_header_names_what_the_code_uses(name: str) -> None:
    script = load_script(name)
    code = re.sub(r"--.*", "", script.source)
    assert set(script.keys) <= set(QueueKeys._fields)
    used = {int(number) for number in re.findall(r"KEYS\[(\d+)\]", code)}
    assert used <= set(range(1, len(script.keys) + 1))
    assert script.arguments[0] == "prefix"
    fixed = {int(number) for number in re.findall(r"ARGV\[(\d+)\]", code)}
    assert fixed <= set(range(1, len(script.arguments) + 1))
    assert len(script.keys_of(queue_keys("q"))) == len(script.keys)


@pytest.mark.parametrize("name", NAMES)
def test_script_states_its_contract(name: str) -> None:
    text = (LUA / f"{name}.lua").read_text()
    for part in ("-- KEYS", "-- ARGV", "-- Returns"):
        assert part in text


def test_replies_are_the_same_in_lua_and_python() -> None:
    text = (LUA / "include" / "reply.lua").read_text()
    names, numbers = re.search(r"local (.+) = (.+)\n", text).groups()  # type: ignore[union-attr]
    in_lua = dict(zip(names.split(", "), map(int, numbers.split(", ")), strict=True))
    assert in_lua == {reply.name: reply.value for reply in Reply}


def test_call_is_refused_when_its_arguments_do_not_fit() -> None:
    with pytest.raises(TypeError, match=r"renew\.lua takes 2 arguments and 2 per item, got 3"):
        load_script("renew").check(["prefix", 1, "id"])
    with pytest.raises(TypeError, match=r"lease\.lua"):
        load_script("lease").check(["prefix"])
