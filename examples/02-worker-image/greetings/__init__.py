"""Handlers of a custom task type."""

from __future__ import annotations

import msgspec

from taskyard import Context, Taskyard

app = Taskyard()


class Greeting(msgspec.Struct):
    """Payload of ``greeting``."""

    name: str


@app.task("greeting")
async def greet(payload: Greeting, context: Context) -> str:
    """Return a greeting; Taskyard stores the result with the task."""
    context.logger.info("greeted", name=payload.name)
    return f"Hello, {payload.name}!"
