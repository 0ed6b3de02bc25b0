"""W3C trace context: between the two texts that travel with requests and tasks, and OpenTelemetry's context."""

from __future__ import annotations

from contextvars import ContextVar
from random import getrandbits, randrange
from typing import NamedTuple

from opentelemetry import trace
from opentelemetry.context import Context, attach
from opentelemetry.trace import INVALID_SPAN, INVALID_SPAN_CONTEXT, NonRecordingSpan, Span, SpanContext
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

LAST_DIGIT_OF_FLAGS = slice(54, 55)
"""Of a `traceparent`; its lowest bit says that the trace is kept."""
UNSAMPLED_DIGITS = frozenset("02468ace")
(_SPAN_KEY,) = trace.set_span_in_context(INVALID_SPAN, Context())
"""Under which a context has its span: known, a context costs half as much as by the library's function."""
_propagator = TraceContextTextMapPropagator()


class TraceTexts(NamedTuple):
    """A place in a trace as headers say it."""

    traceparent: str | None = None
    tracestate: str | None = None


class UnsampledSpan(NonRecordingSpan):
    """Somebody's span of a trace that is not kept.

    Most tasks belong to such traces, and hardly anyone asks for their ids: the texts are read when somebody does.
    """

    __slots__ = ("_traceparent", "_tracestate")

    def __init__(self, traceparent: str, tracestate: str | None) -> None:
        self._traceparent = traceparent
        self._tracestate = tracestate

    def get_span_context(self) -> SpanContext:
        """Which span of which trace."""
        texts = TraceTexts(self._traceparent, self._tracestate)
        return trace.get_current_span(read_context(texts)).get_span_context()


class UnsampledRoot(NonRecordingSpan):
    """The first span of a trace that is not kept: a trace all the same, which logs and further calls can name.

    Args:
        kept_below: whoever samples by the trace id keeps those whose random part is below this, so it is not.
    """

    __slots__ = ("_kept_below", "_known")

    def __init__(self, kept_below: int) -> None:
        self._kept_below = kept_below
        self._known: SpanContext | None = None

    def get_span_context(self) -> SpanContext:
        """Which span of which trace."""
        if self._known is None:
            random_part = randrange(self._kept_below, 1 << 64)  # noqa: S311 - guards nothing
            trace_id = (getrandbits(64) or 1) << 64 | random_part
            self._known = SpanContext(trace_id, getrandbits(64) or 1, is_remote=False)
        return self._known


class _DeferredSpan(NonRecordingSpan):
    """The current span of whoever has noted an unsampled one: to note it costs less than to make it current."""

    def __init__(self) -> None:
        """It has no place of its own."""

    def get_span_context(self) -> SpanContext:
        """Which span of which trace."""
        noted = _noted.get()
        if isinstance(noted, UnsampledRoot):
            return noted.get_span_context()
        return INVALID_SPAN_CONTEXT if noted is None else UnsampledSpan(*noted).get_span_context()


_noted: ContextVar[UnsampledRoot | tuple[str, str | None] | None] = ContextVar("taskyard_unsampled", default=None)
note_unsampled = _noted.set
"""Note where in a trace that is not kept this asyncio task is: its root, or the texts that name its parent."""


def defer_spans() -> None:
    """Let what is noted be the current span, here and in all asyncio tasks that are made from here on."""
    attach(context_of(_DeferredSpan()))


def read_context(texts: TraceTexts) -> Context:
    """The context in which the current span is the one that the texts name; an empty one where they name none."""
    carrier = {name: text for name, text in texts._asdict().items() if text}
    return _propagator.extract(carrier, Context())


def write_current_context() -> TraceTexts:
    """The texts that name the current span; none without a current span."""
    carrier: dict[str, str] = {}
    _propagator.inject(carrier)
    return TraceTexts(carrier.get("traceparent"), carrier.get("tracestate"))


def context_of(span: Span) -> Context:
    """A context in which the span is the current one, and nothing else is."""
    return Context({_SPAN_KEY: span})
