"""The tracing port: spans are opened where the work is done, and cost next to nothing while tracing is off."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from contextvars import Token
from types import TracebackType
from typing import Protocol, TypeAlias

from opentelemetry import context as context_api
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN_CONTEXT, NonRecordingSpan, Span, SpanKind, StatusCode
from opentelemetry.util.types import AttributeValue

from queuecore.domain.task import AttemptNumber, FencingToken, Task
from queuecore.observe.tracing import names
from queuecore.observe.tracing.context import TraceTexts

Attributes: TypeAlias = Mapping[str, AttributeValue]
SpanBlock: TypeAlias = AbstractContextManager[Span]


class AttemptSpan(Span):
    """The span of an attempt."""

    @property
    @abstractmethod
    def trace_id(self) -> str | None:
        """In hexadecimal; ``None`` if the span is not recorded."""


class NoSpan(NonRecordingSpan, AttemptSpan):
    """The span of work that is not recorded, and the block around that work."""

    trace_id = None

    def __enter__(self) -> NoSpan:
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        """Leave the block; there is nothing to end."""


NO_SPAN = NoSpan(INVALID_SPAN_CONTEXT)


class Attempt(Protocol):
    """The fields of a lease that describe its attempt."""

    @property
    def task(self) -> Task:
        """The leased task."""

    @property
    def token(self) -> FencingToken:
        """The fencing token."""

    @property
    def attempt(self) -> AttemptNumber:
        """1 for the first."""

    @property
    def waited_ms(self) -> int:
        """Time the task was pending."""


class Tracer:
    """Opens spans; this one, the default where tracing is off, continues recorded traces and begins none.

    Args:
        tracer: OpenTelemetry's; the one of the process unless given.
    """

    def __init__(self, tracer: trace.Tracer | None = None) -> None:
        self._tracer = tracer or trace.get_tracer(names.SCOPE)

    def span(self, name: str, kind: SpanKind, attributes: Attributes | None = None) -> SpanBlock:
        """Open a child of the current span around a block, if the current span is recorded.

        An exception that leaves the block fails the span.
        """
        if not trace.get_current_span().is_recording():
            return NO_SPAN
        span = self._tracer.start_span(name, kind=kind, attributes=attributes)
        return OpenSpan(span, trace.set_span_in_context(span))

    def entry(
        self,
        name: str,
        kind: SpanKind,
        attributes: Attributes | None = None,
        *,
        caller: Callable[[], TraceTexts] = TraceTexts,
        record_exceptions: bool = False,
    ) -> SpanBlock:
        """Open the first span of this process in a trace around a block.

        Args:
            name: the span's.
            kind: the span's.
            attributes: the span's.
            caller: reads the trace context of the caller; a new trace begins without one.
            record_exceptions: add an event with the stack trace for an exception that leaves the block.
        """
        del name, kind, attributes, caller, record_exceptions
        return NO_SPAN

    def attempt(self, _attempt: Attempt) -> AttemptSpan:
        """Make an attempt's span the current one for the rest of the asyncio task; the caller ends the span.

        Not a block: for a task that does nothing, ``with`` would cost more than all other calls of this class.
        """
        return NO_SPAN

    def record(
        self, name: str, sender: TraceTexts, attributes: Attributes, began_at_ns: int, ended_at_ns: int, error: str
    ) -> None:
        """Record a failed span of the past: work on a task whose worker could not report it.

        Args:
            name: the span's.
            sender: the trace context of the task.
            attributes: the span's.
            began_at_ns: Unix time.
            ended_at_ns: Unix time.
            error: description of the failure.
        """

    def outgoing(self) -> TraceTexts | None:
        """Return the trace context that tasks carry on; ``None``: that of their request's headers."""
        return None

    def stop(self) -> None:
        """Export what is left, within a time limit."""


PASSIVE = Tracer()
"""Continues recorded traces, begins none."""


class OpenSpan:
    """A block with a span as the current one; the span ends with it.

    Args:
        span: fails when an exception leaves the block.
        context: becomes the current context.
        record_exceptions: add an event for such an exception, as the SDK does: for errors, not for cancellation.
    """

    __slots__ = ("_context", "_record_exceptions", "_span", "_token")

    def __init__(self, span: Span, context: Context, *, record_exceptions: bool = False) -> None:
        self._span = span
        self._context = context
        self._record_exceptions = record_exceptions

    def __enter__(self) -> Span:
        self._token: Token[Context] = context_api.attach(self._context)
        return self._span

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        context_api.detach(self._token)
        if error is not None and kind is not None:
            if not self._record_exceptions:
                fail(self._span, kind.__name__)
            elif isinstance(error, Exception):
                self._span.record_exception(error)
                self._span.set_status(StatusCode.ERROR, f"{kind.__name__}: {error}")
        self._span.end()


def fail(span: Span, error_type: str, message: str | None = None) -> None:
    """Set the status ERROR and its reason."""
    span.set_attribute(names.ERROR_TYPE, error_type)
    span.set_status(StatusCode.ERROR, message)
