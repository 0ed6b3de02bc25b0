from __future__ import annotations

import asyncio

from queueworker.runs.slots import Slots


async def is_over(waiting: asyncio.Task[None]) -> bool:
    for _ in range(3):
        await asyncio.sleep(0)
    return waiting.done()


async def test_slots_count_what_is_taken() -> None:
    slots = Slots(3)
    slots.take()
    slots.take()
    assert (slots.busy, slots.free) == (2, 1)
    slots.give_back()
    assert (slots.busy, slots.free) == (1, 2)


async def test_slots_wait_until_one_is_free_when_all_are_taken() -> None:
    slots = Slots(2)
    slots.take()
    await slots.wait_until_some_free()
    slots.take()
    waiting = asyncio.create_task(slots.wait_until_some_free())
    assert not await is_over(waiting)
    slots.give_back()
    assert await is_over(waiting)


async def test_slots_wait_until_the_last_is_free() -> None:
    slots = Slots(2)
    await slots.wait_until_all_free()
    slots.take()
    slots.take()
    waiting = asyncio.create_task(slots.wait_until_all_free())
    slots.give_back()
    assert not await is_over(waiting)
    slots.give_back()
    assert await is_over(waiting)


async def test_slots_are_given_back_when_used_as_done_callback() -> None:
    slots = Slots(1)
    slots.take()
    work = asyncio.create_task(asyncio.sleep(0))
    work.add_done_callback(slots.give_back)
    await slots.wait_until_all_free()
    assert work.done()
