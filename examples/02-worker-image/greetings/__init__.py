"""Handlers of a task type of one's own."""

from __future__ import annotations

import msgspec

from queueworker import Handlers, TaskContext

handlers = Handlers()


class Greeting(msgspec.Struct):
    """Whom to greet."""

    name: str


@handlers.register("greeting")
async def greet(payload: Greeting, context: TaskContext) -> str:
    """Greet; the result is kept with the task."""
    context.logger.info("greeted", name=payload.name)
    return f"Hello, {payload.name}!"
