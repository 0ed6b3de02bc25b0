"""Two handlers, async and plain, for a worker with ``TASKYARD_WORKER_HANDLERS=tasks``."""

from __future__ import annotations

import msgspec

from queueworker import DoNotRetry, Handlers, TaskContext

handlers = Handlers()


class Greeting(msgspec.Struct):
    """Payload of ``greet``. The API rejects tasks with another form."""

    name: str
    polite: bool = False


class Numbers(msgspec.Struct):
    """Payload of ``sum``."""

    values: list[int]


@handlers.register("greet")
async def greet(payload: Greeting, context: TaskContext) -> dict[str, str]:
    """Runs in the event loop, concurrently with other tasks."""
    context.logger.info("greeting")
    return {"text": f"Good day to you, {payload.name}." if payload.polite else f"Hello, {payload.name}!"}


@handlers.register("sum")
def add_up(payload: Numbers) -> dict[str, int]:
    """Runs in a thread, so it may block."""
    if not payload.values:
        raise DoNotRetry("there is nothing to add up")
    return {"total": sum(payload.values)}
