"""Outcomes of attempts as their spans show them."""

from __future__ import annotations

import traceback

from opentelemetry.trace import Span

from queuecore.domain.task import ArchiveReason, Outcome
from queuecore.observe.tracing import names
from queuecore.observe.tracing.tracer import fail
from queueworker.runs.run import StopReason
from taskyard.errors import DoNotRetry, Retry
from taskyard.retry_decision import RetryDecision

RELEASED = "released"
MOST_STACKTRACE = 8_192
"""Characters; the end of a stack trace says most."""


def describe_failure(
    span: Span, decision: RetryDecision, message: str, error: BaseException | None, stopped_by: StopReason | None
) -> None:
    """Add the outcome of an attempt that failed or was stopped."""
    if not span.is_recording():
        return
    archived = decision.retry_in_ms is None
    span.set_attribute(names.TASK_OUTCOME, Outcome.ARCHIVED if archived else Outcome.RETRY)
    if decision.retry_in_ms is not None:
        span.set_attribute(names.TASK_RETRY_IN, decision.retry_in_ms)
    if decision.reason is not None:
        span.set_attribute(names.TASK_REASON, decision.reason)
    if decision.reason is not ArchiveReason.CANCELLED:
        fail(span, _error_type(error, stopped_by), message)
    if error is not None:
        _record(span, error, message)


def describe_loss(span: Span) -> None:
    """Add the outcome of an attempt whose lease expired while the handler ran."""
    span.set_attribute(names.TASK_OUTCOME, Outcome.LOST)
    fail(span, "lease_lost", StopReason.LEASE_LOST.value)


def _error_type(error: BaseException | None, stopped_by: StopReason | None) -> str:
    if error is not None:
        return f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")
    return stopped_by.name.lower() if stopped_by else "unknown"


def _record(span: Span, error: BaseException, message: str) -> None:
    """Record an exception. The SDK would call ``str`` on it, which a handler's exception may fail."""
    attributes = {names.EXCEPTION_TYPE: _error_type(error, None), names.EXCEPTION_MESSAGE: message}
    if not isinstance(error, (Retry, DoNotRetry)):
        trace = "".join(traceback.format_exception(error))[-MOST_STACKTRACE:]
        attributes[names.EXCEPTION_STACKTRACE] = trace.encode(errors="backslashreplace").decode()
    span.add_event(names.EXCEPTION, attributes)
