"""Handlers of a worker that is measured on its own."""

from __future__ import annotations

from queueworker import Handlers

handlers = Handlers()


@handlers.register("noop")
async def noop(_: dict[str, object]) -> None:
    """Do nothing."""
