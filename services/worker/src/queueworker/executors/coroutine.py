"""Execution of coroutine handlers in the event loop."""

from __future__ import annotations

from queueworker.runs.run import Run


class CoroutineExecutor:
    """Runs coroutine handlers."""

    async def execute(self, run: Run) -> object:
        """Run the handler. Cancelling this call cancels it."""
        handler = run.handler
        payload = handler.decode(run.lease.task.payload)
        result: object = await handler.call(payload, run.context)
        return result

    def close(self) -> None:
        """Do nothing: this executor has no resources."""
