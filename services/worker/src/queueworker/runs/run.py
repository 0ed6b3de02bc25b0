"""One attempt of a task, while this worker holds its lease."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import Enum
from typing import Any

from queuecore.observe.tracing.tracer import NO_SPAN, AttemptSpan
from queuecore.store.attempts.leases import Lease
from taskyard.context import Context
from taskyard.handler import Handler


class StopReason(Enum):
    """Reason for stopping an attempt before its handler has ended. The values are error messages of tasks."""

    TIMEOUT = "the attempt took longer than its timeout"
    DEADLINE = "the task's deadline has passed"
    CANCELLED = "the task was cancelled"
    LEASE_LOST = "the lease was lost: another worker may have the task"
    DRAIN = "the worker is stopping"


class Run:
    """A leased task, until it is settled.

    Args:
        lease: of the attempt.
        handler: of the task's type.
        context: passed to the handler.
        on_stop: called when the handler is stopped.
    """

    __slots__ = (
        "begun",
        "concluded",
        "context",
        "handler",
        "lease",
        "on_stop",
        "slot_taken_until",
        "span",
        "started_at",
        "stopped_by",
        "stuck",
        "work",
    )

    def __init__(
        self, lease: Lease, handler: Handler, context: Context[Any], on_stop: Callable[[Run], None] = lambda _: None
    ) -> None:
        self.on_stop = on_stop
        self.lease = lease
        self.handler = handler
        self.context = context
        self.work: asyncio.Task[None] | None = None
        self.stopped_by: StopReason | None = None
        self.begun = False
        """Set once ``work`` has executed its first step."""
        self.started_at = 0.0
        """Start of the handler, by the monotonic clock."""
        self.stuck = False
        """Set when the handler has not ended in time after it was stopped."""
        self.concluded = False
        """Set once the attempt has an outcome, which the settler delivers."""
        self.span: AttemptSpan = NO_SPAN
        """Set while the attempt runs, if it is recorded."""
        self.slot_taken_until: asyncio.Future[object] | None = None
        """The thread of the handler, which may outlive the attempt because a thread cannot be stopped."""

    @property
    def is_executing(self) -> bool:
        """True while the handler runs, also in a thread that has outlived the attempt."""
        if self.work is not None and not self.work.done():
            return True
        return self.slot_taken_until is not None and not self.slot_taken_until.done()

    def begin(self) -> None:
        """Execute the first step of ``work``.

        Raises:
            asyncio.CancelledError: the attempt was stopped before its first step.
        """
        self.begun = True
        if self.stopped_by is not None:
            raise asyncio.CancelledError

    def stop(self, reason: StopReason) -> None:
        """Stop the handler. Only the first call has an effect."""
        if self.stopped_by is None and self.work is not None and not self.work.done():
            self.stopped_by = reason
            self.context.cancelled = True
            # An asyncio task cancelled before its first step never runs, and nothing would settle the attempt.
            if self.begun:
                self.work.cancel()
            self.on_stop(self)
