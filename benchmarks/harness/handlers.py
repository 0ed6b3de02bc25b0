"""Handlers of a worker that is measured on its own."""

from __future__ import annotations

from taskyard import Taskyard

app = Taskyard()


@app.task("noop")
async def noop(_: dict[str, object]) -> None:
    """Do nothing."""
