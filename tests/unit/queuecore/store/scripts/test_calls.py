from __future__ import annotations

import inspect
from typing import Any

import pytest

from queuecore.domain.task import AttemptNumber, FencingToken
from queuecore.store.scripts import calls
from queuecore.store.scripts.call import Call
from queuecore.store.scripts.generate import TARGET, generate, main
from queuecore.store.scripts.header import Field, Header
from queuecore.store.scripts.keys import queue_keys
from queuecore.store.scripts.loader import load_headers, load_script

HEADERS = load_headers()


def test_calls_are_up_to_date() -> None:
    assert TARGET.read_text(encoding="utf-8") == generate(HEADERS), "run make scripts"


def test_check_fails_when_calls_are_stale(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("queuecore.store.scripts.generate.TARGET", tmp_path / "calls.py")
    assert main(["--check"]) == 1
    assert "run make scripts" in capsys.readouterr().err
    assert main([]) == 0
    assert main(["--check"]) == 0


@pytest.mark.parametrize("header", HEADERS, ids=lambda header: header.script)
def test_call_has_keys_and_arguments_in_the_order_of_the_header(header: Header) -> None:
    keys = queue_keys("q")
    arguments = _values(header.arguments, start=0)
    items = [_values(header.item, start=start) for start in (100, 200)] if header.item else []

    call = _make_call(header, arguments, items)

    assert call == Call(
        load_script(header.script),
        "q",
        tuple(getattr(keys, name) for name in header.keys),
        [keys.prefix, *arguments.values(), *(value for item in items for value in item.values())],
    )


def test_flag_is_sent_as_a_number() -> None:
    assert calls.pause("q", pause=True).arguments[-1] == 1
    assert repr(calls.pause("q", pause=True).arguments[-1]) == "1"


def test_item_takes_no_positions() -> None:
    with pytest.raises(TypeError):
        calls.RenewItem("q", "id", FencingToken(1))  # type: ignore[call-arg]


def test_call_takes_no_positions() -> None:
    with pytest.raises(TypeError):
        calls.limit("q", 1, 2)  # type: ignore[call-arg]


def _mistakes_that_mypy_finds(token: FencingToken, attempt: AttemptNumber) -> None:
    """Never called: mypy reports an unused ``type: ignore`` when it stops rejecting one of these lines."""
    calls.RenewItem(queue="q", task_id="id", token=attempt)  # type: ignore[arg-type]
    calls.RenewItem(queue="q", task_id="id", token=1)  # type: ignore[arg-type]
    calls.RenewItem(queue="q", task_id=token, token=token)  # type: ignore[arg-type]
    calls.RenewItem(queue="q", task_id="id")  # type: ignore[call-arg]
    calls.limit("q", max_depth="1", max_bytes=1, durability="")  # type: ignore[arg-type]
    calls.limit("q", max_deep=1, max_bytes=1, durability="")  # type: ignore[call-arg]
    calls.renew("q", [calls.ProgressItem(queue="q", task_id="id", token=token, progress=b"")], lease_ms=1)  # type: ignore[list-item]


def _values(fields: tuple[Field, ...], *, start: int) -> dict[str, int]:
    """Distinct numbers, but for flags: a generated call hands values on as they are."""
    return {
        field.name: 1 if field.kind.python == "bool" else place for place, field in enumerate(fields, start=start + 1)
    }


def _make_call(header: Header, arguments: dict[str, int], items: list[dict[str, int]]) -> Call:
    function = getattr(calls, header.script)
    parameters = inspect.signature(function).parameters
    if not header.item:
        call: Call = function("q", **arguments)
    elif "items" in parameters:
        item_class = getattr(calls, f"{header.script.title().replace('_', '')}Item")
        call = function("q", [item_class(queue="q", **item) for item in items], **arguments)
    else:
        call = function("q", [value for item in items for value in item.values()], **arguments)
    return call
