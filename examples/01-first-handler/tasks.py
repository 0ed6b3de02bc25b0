"""Two handlers, async and plain, for a worker with ``TASKYARD_WORKER_APPS=tasks:app``."""

from __future__ import annotations

import msgspec

from taskyard import Context, DoNotRetry, Taskyard

app = Taskyard()


class Greeting(msgspec.Struct):
    """Payload of ``greet``. The API rejects tasks with another form."""

    name: str
    polite: bool = False


class Numbers(msgspec.Struct):
    """Payload of ``sum``."""

    values: list[int]


@app.task("greet")
async def greet(greeting: Greeting, context: Context) -> dict[str, str]:
    """Runs in the event loop, concurrently with other tasks."""
    context.logger.info("greeting")
    return {"text": f"Good day to you, {greeting.name}." if greeting.polite else f"Hello, {greeting.name}!"}


@app.task("sum")
def add_up(numbers: Numbers) -> dict[str, int]:
    """Runs in a thread, so it may block."""
    if not numbers.values:
        raise DoNotRetry("there is nothing to add up")
    return {"total": sum(numbers.values)}
