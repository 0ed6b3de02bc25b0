from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from queueapi.errors import ApiError
from queueapi.http.body import BodyReader
from queueapi.http.budget import ByteBudget


def receiving(*messages: dict[str, Any]) -> Callable[[], Awaitable[Any]]:
    left = list(messages)

    async def receive() -> dict[str, Any]:
        if not left:
            await asyncio.Event().wait()
        return left.pop(0)

    return receive


def part(body: bytes, more: bool = True) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


def scope(length: int | None = None) -> Any:
    headers = [(b"host", b"x")] + ([(b"content-length", b"%d" % length)] if length is not None else [])
    return {"type": "http", "headers": headers}


def reader(timeout_s: float = 5) -> BodyReader:
    return BodyReader(10, timeout_s, ByteBudget(1_000))


async def test_read_joins_the_parts() -> None:
    assert await reader().read(scope(), receiving(part(b"ab"), part(b""), part(b"cd", more=False))) == b"abcd"


async def test_read_stops_when_the_announced_length_is_reached() -> None:
    assert await reader().read(scope(4), receiving(part(b"ab"), part(b"cd"))) == b"abcd"


async def test_read_refuses_before_it_reads_when_the_announced_length_is_too_large() -> None:
    with pytest.raises(ApiError) as caught:
        await reader().read(scope(11), receiving())

    assert (caught.value.status, caught.value.code) == (413, "PAYLOAD_TOO_LARGE")


async def test_read_refuses_a_body_when_it_exceeds_the_limit() -> None:
    with pytest.raises(ApiError) as caught:
        await reader().read(scope(), receiving(part(b"123456"), part(b"78901"), part(b"", more=False)))

    assert caught.value.status == 413


async def test_read_answers_408_when_the_body_is_too_slow() -> None:
    with pytest.raises(ApiError) as caught:
        await reader(timeout_s=0.01).read(scope(4), receiving(part(b"ab")))

    assert (caught.value.status, caught.value.code) == (408, "REQUEST_TIMEOUT")


async def test_read_fails_when_the_client_disconnects() -> None:
    with pytest.raises(ApiError) as caught:
        await reader().read(scope(4), receiving(part(b"ab"), {"type": "http.disconnect"}))

    assert caught.value.code == "INVALID_REQUEST"


async def test_read_stays_cancelled_when_someone_else_cancels_it() -> None:
    reading = asyncio.create_task(reader().read(scope(4), receiving()))
    await asyncio.sleep(0)
    reading.cancel()

    with pytest.raises(asyncio.CancelledError):
        await reading


async def test_read_answers_503_and_returns_all_bytes_when_the_budget_is_used_up() -> None:
    budget = ByteBudget(6)
    bodies = BodyReader(10, 5, budget)

    with pytest.raises(ApiError) as caught:
        await bodies.read(scope(8), receiving(part(b"1234"), part(b"5678")))

    assert (caught.value.status, caught.value.code) == (503, "OVERLOADED")
    assert budget.taken_bytes == 0


async def test_read_holds_the_bytes_of_a_body_until_they_are_released() -> None:
    budget = ByteBudget(6)
    bodies = BodyReader(10, 5, budget)

    body = await bodies.read(scope(6), receiving(part(b"123456")))
    held_bytes = budget.taken_bytes
    bodies.release(body)

    assert (held_bytes, budget.taken_bytes) == (6, 0)
