"""The consumer's spans: one for each attempt, a child of the span that sent the task, and linked to it."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING

from opentelemetry.trace import Span, SpanContext, StatusCode

from queuecore.domain.task import ArchiveReason, Outcome
from queuecore.observe.tracing import names
from queuecore.observe.tracing.context import (
    TraceTexts,
    UnsampledSpan,
    defer_spans,
    derive_unsampled_root,
    note_unsampled,
)
from queuecore.observe.tracing.setup import Tracing, make_current
from queuecore.store.attempts.leases import Lease
from queueworker.handlers.errors import DoNotRetry, Retry
from queueworker.runs.retry_decision import RetryDecision
from queueworker.runs.run import StopReason

if TYPE_CHECKING:
    from queuecore.observe.tracing.consumer_spans import LateSpan

RELEASED = "released"
MOST_STACKTRACE = 8_192
"""Characters; the last ones tell most."""

_PROCESS = "process"


class AttemptTracing:
    """Starts and ends the spans of attempts.

    Args:
        tracing: makes the spans.
        worker: who runs them.
    """

    def __init__(self, tracing: Tracing, worker: str) -> None:
        self._tracing = tracing
        self._worker = worker
        defer_spans(self._place_of)

    def begin(self, lease: Lease) -> LateSpan | None:
        """Make the attempt's span the current one for the rest of the asyncio task, one that this object's maker made.

        Returns:
            The span if it is kept; it must be given to one of the functions below.
        """
        task = lease.task
        traceparent = task.traceparent
        if not self._tracing.keeps(traceparent):
            note_unsampled(lease)
            return None
        span = self._tracing.consumers.begin(
            f"{_PROCESS} {task.queue}",
            TraceTexts(traceparent, task.tracestate),
            {
                names.MESSAGING_SYSTEM: names.SYSTEM,
                names.MESSAGING_OPERATION_NAME: _PROCESS,
                names.MESSAGING_OPERATION_TYPE: _PROCESS,
                names.MESSAGING_DESTINATION: task.queue,
                names.MESSAGING_MESSAGE_ID: task.id,
                names.MESSAGING_CLIENT_ID: self._worker,
                names.TASK_TYPE: task.type,
                names.TASK_ATTEMPT: lease.attempt,
                names.TASK_WAITED: lease.waited_ms,
            },
        )
        make_current(span)
        return span

    def _place_of(self, lease: Lease) -> SpanContext:
        """Where an attempt is in a trace that is not kept."""
        task = lease.task
        if task.traceparent is None:
            return derive_unsampled_root(f"{task.queue} {task.id} {lease.token}", self._tracing.kept_below or 0)
        return UnsampledSpan(task.traceparent, task.tracestate).get_span_context()


def end_completed(span: Span) -> None:
    """The handler returned."""
    span.set_attribute(names.TASK_OUTCOME, Outcome.COMPLETED)
    span.end()


def end_failed(
    span: Span, verdict: RetryDecision, message: str, error: BaseException | None, stopped_by: StopReason | None
) -> None:
    """The attempt failed, or was stopped."""
    archived = verdict.retry_in_ms is None
    span.set_attribute(names.TASK_OUTCOME, Outcome.ARCHIVED if archived else Outcome.RETRY)
    if verdict.retry_in_ms is not None:
        span.set_attribute(names.TASK_RETRY_IN, verdict.retry_in_ms)
    if verdict.reason is not None:
        span.set_attribute(names.TASK_REASON, verdict.reason)
    if verdict.reason is not ArchiveReason.CANCELLED:
        _fail(span, _error_type(error, stopped_by), message)
    if error is not None:
        _tell(span, error, message)
    span.end()


def end_lost(span: Span) -> None:
    """The lease lapsed while the handler ran, and what it did counts no more."""
    span.set_attribute(names.TASK_OUTCOME, Outcome.LOST)
    _fail(span, "lease_lost", StopReason.LEASE_LOST.value)
    span.end()


def end_released(span: Span) -> None:
    """The worker stops, and gives the task back."""
    span.set_attribute(names.TASK_OUTCOME, RELEASED)
    span.end()


def _fail(span: Span, error_type: str, message: str) -> None:
    span.set_attribute(names.ERROR_TYPE, error_type)
    span.set_status(StatusCode.ERROR, message)


def _error_type(error: BaseException | None, stopped_by: StopReason | None) -> str:
    if error is not None:
        return f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")
    return stopped_by.name.lower() if stopped_by else "unknown"


def _tell(span: Span, error: BaseException, message: str) -> None:
    """Record an exception. Not by the SDK, which would ask errors for their text that cannot tell it."""
    attributes = {names.EXCEPTION_TYPE: _error_type(error, None), names.EXCEPTION_MESSAGE: message}
    if not isinstance(error, (Retry, DoNotRetry)):
        trace = "".join(traceback.format_exception(error))[-MOST_STACKTRACE:]
        attributes[names.EXCEPTION_STACKTRACE] = trace.encode(errors="backslashreplace").decode()
    span.add_event(names.EXCEPTION, attributes)
