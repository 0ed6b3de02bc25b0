from __future__ import annotations

import asyncio

import uvloop

from queuecore.embedded import find_free_port
from queuecore.errors import StoreUnavailable
from queuecore.testing.store import TestStore
from tests.faults.services.refusing_listener import RefusingListener

_CALLS = 300


def test_every_call_raises_store_unavailable_when_connections_are_closed_immediately() -> None:
    # The event loop of the services, whose error for writes to a closed connection differs from asyncio's.
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        errors = runner.run(_call_repeatedly())
    assert {type(error) for error in errors} == {StoreUnavailable}


async def _call_repeatedly() -> list[object]:
    port = find_free_port()
    async with RefusingListener(port):
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
