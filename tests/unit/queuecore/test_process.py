from __future__ import annotations

import asyncio
from contextlib import suppress

from queuecore.process import Roles


async def test_a_role_is_ended_when_it_has_missed_its_first_cancel() -> None:
    begun, missed = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        with suppress(asyncio.CancelledError):
            begun.set()
            await asyncio.Event().wait()
        missed.set()
        await asyncio.Event().wait()

    roles = Roles({"deaf": work()})
    await begun.wait()
    await asyncio.wait_for(roles.cancel(), 3)
    assert missed.is_set()
