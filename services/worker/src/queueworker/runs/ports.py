"""Ports of the runner: executors run handlers, an outcome sink delivers outcomes to the store."""

from __future__ import annotations

from typing import Protocol

from queuecore.store.attempts.settlement import Failure, Success
from queueworker.runs.run import Run


class Executor(Protocol):
    """Runs the handlers of one :class:`~taskyard.handler.HandlerKind`."""

    async def execute(self, run: Run) -> object:
        """Run the handler and return its result. Cancelling this call stops the handler, if it can be stopped."""

    def close(self) -> None:
        """Release threads and processes."""


class OutcomeSink(Protocol):
    """Delivers outcomes to the store; see :class:`queueworker.roles.settler.Settler`."""

    def succeed(self, run: Run, success: Success) -> None:
        """Deliver the success of a run."""

    def fail(self, run: Run, failure: Failure) -> None:
        """Deliver the failure of a run."""
