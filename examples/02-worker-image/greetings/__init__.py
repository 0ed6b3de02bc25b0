"""Handlers of a custom task type."""

from __future__ import annotations

import msgspec

from queueworker import Handlers, TaskContext

handlers = Handlers()


class Greeting(msgspec.Struct):
    """Payload of ``greeting``."""

    name: str


@handlers.register("greeting")
async def greet(payload: Greeting, context: TaskContext) -> str:
    """Return a greeting; Taskyard stores the result with the task."""
    context.logger.info("greeted", name=payload.name)
    return f"Hello, {payload.name}!"
