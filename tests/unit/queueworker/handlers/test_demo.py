from __future__ import annotations

import pytest

from queuecore.testing.builders import make_task
from queueworker.handlers.context import WorkerContext
from queueworker.handlers.demo import DemoFailure, app, demo
from taskyard import DoNotRetry


async def run(payload: bytes, attempt: int = 1) -> object:
    handler = demo.handler
    return await handler.call(
        handler.decode(payload), WorkerContext(make_task(), attempt, 0, lambda _: None, 1, app.lifespan)
    )


async def test_demo_echoes() -> None:
    assert await run(b'{"message":"hi","count":3,"sleep":"0s"}') == {"message": "hi", "count": 3}


async def test_demo_fails_the_first_attempts_when_asked_to() -> None:
    payload = b'{"message":"hi","count":1,"fail_times":2}'
    for attempt in (1, 2):
        with pytest.raises(DemoFailure):
            await run(payload, attempt)
    assert await run(payload, attempt=3) == {"message": "hi", "count": 1}


@pytest.mark.parametrize(
    "payload",
    [
        b'{"message":"hi"}',
        b'{"message":5,"count":1}',
        b'{"message":"hi","count":-1}',
        b'{"message":"hi","count":1,"sleep":"5 minutes"}',
        b'{"message":"hi","count":1,"other":1}',
    ],
)
async def test_demo_refuses_other_payloads(payload: bytes) -> None:
    with pytest.raises(DoNotRetry):
        await run(payload)
