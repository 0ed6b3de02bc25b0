"""Built-in task ``demo``: echoes its payload, after a delay or failures on request."""

from __future__ import annotations

import asyncio
from typing import Annotated

import msgspec

from queuecore.domain.duration import DURATION_PATTERN, parse_duration
from taskyard import Context, Taskyard

app = Taskyard()


class Demo(msgspec.Struct, forbid_unknown_fields=True):
    """Payload of a demo task."""

    message: str
    count: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
    sleep: Annotated[
        str, msgspec.Meta(description="A duration to wait first, such as 500ms.", pattern=f"^{DURATION_PATTERN}$")
    ] = "0s"
    fail_times: Annotated[int, msgspec.Meta(ge=0, description="The first attempts that fail.")] = 0


class DemoFailure(Exception):
    """The failure that the payload asked for."""


@app.task("demo")
async def demo(payload: Demo, context: Context) -> dict[str, object]:
    """Return the message and the count."""
    await asyncio.sleep(parse_duration(payload.sleep) / 1000)
    if context.attempt <= payload.fail_times:
        raise DemoFailure(f"attempt {context.attempt} of {payload.fail_times} that were to fail")
    return {"message": payload.message, "count": payload.count}
