from __future__ import annotations

import asyncio

import uvloop

from queuecore.embedded import find_free_port
from queuecore.errors import StoreUnavailable
from queuecore.testing.store import TestStore
from tests.faults.services.closed_door import ClosedDoor

_CALLS = 300


def test_every_call_says_that_the_store_is_away_when_connections_are_cut_at_once() -> None:
    # The services' own event loop, which refuses to write to a closed connection in words of its own.
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        errors = runner.run(_call_again_and_again())
    assert {type(error) for error in errors} == {StoreUnavailable}


async def _call_again_and_again() -> list[object]:
    port = find_free_port()
    async with ClosedDoor(port):
        store = TestStore(f"redis://127.0.0.1:{port}/0")
        calls = [
            call
            for _ in range(_CALLS // 3)
            for call in (
                store.server.command("PING"),
                store.server.commands([("PING",), ("PING",)]),
                _first_error(store),
            )
        ]
        results = await asyncio.gather(*calls, return_exceptions=True)
        await store.close()
    return list(results)


async def _first_error(store: TestStore) -> object:
    promotion, _ = await store.maintenance.promote(["default", "other"])
    return promotion
