"""W3C trace context: between the two texts that travel with requests and tasks, and OpenTelemetry's context."""

from __future__ import annotations

from random import getrandbits
from typing import NamedTuple

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN, NonRecordingSpan, Span, SpanContext
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
    """The first span of a trace that is not kept: a trace all the same, which logs and further calls can name."""

    __slots__ = ("_known", "_trace_id")

    def __init__(self, trace_id: int) -> None:
        self._trace_id = trace_id
        self._known: SpanContext | None = None

    def get_span_context(self) -> SpanContext:
        """Which span of which trace."""
        if self._known is None:
            self._known = SpanContext(self._trace_id, getrandbits(64) or 1, is_remote=False)
        return self._known


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
