"""Async handlers, in the event loop."""

from __future__ import annotations

from queueworker.runs.run import Run


class CoroutineExecutor:
    """Awaits the handler."""

    async def execute(self, run: Run) -> object:
        """Run the handler; cancelling this cancels it."""
        handler = run.handler
        payload = handler.decode(run.lease.task.payload)
        result: object = await handler.call(payload, run.context)
        return result

    def close(self) -> None:
        """Nothing is held."""
