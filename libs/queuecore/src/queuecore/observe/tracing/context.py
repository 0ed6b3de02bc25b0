"""W3C trace context: between the two texts that travel with requests and tasks, and OpenTelemetry's context."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextvars import ContextVar
from hashlib import blake2b
from random import getrandbits, randrange
from typing import Any, NamedTuple

from opentelemetry import trace
from opentelemetry.context import Context, attach
from opentelemetry.trace import (
    INVALID_SPAN,
    INVALID_SPAN_CONTEXT,
    NonRecordingSpan,
    Span,
    SpanContext,
    TraceFlags,
    TraceState,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_TRACE_ID, _SPAN_ID, _FLAGS = slice(3, 35), slice(36, 52), slice(53, 55)
"""Of a `traceparent`."""
LAST_DIGIT_OF_FLAGS = slice(54, 55)
"""Of a `traceparent`; its lowest bit says that the trace is kept."""
RANDOM_PART = slice(19, 35)
"""Of a `traceparent`, by which is decided whether to keep its trace."""
UNSAMPLED_DIGITS = frozenset("02468ace")
(_SPAN_KEY,) = trace.set_span_in_context(INVALID_SPAN, Context())
"""Under which a context has its span: known, a context costs half as much as by the library's function."""
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
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
        return read_place(TraceTexts(self._traceparent, self._tracestate)) or INVALID_SPAN_CONTEXT


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
    """The current span of whoever has noted what it does: to note that costs less than to make a span current."""

    def __init__(self, place_of: Callable[[Any], SpanContext]) -> None:
        """It has no place of its own."""
        self._place_of = place_of

    def get_span_context(self) -> SpanContext:
        """Which span of which trace."""
        noted = _noted.get()
        return INVALID_SPAN_CONTEXT if noted is None else self._place_of(noted)


_noted: ContextVar[Any] = ContextVar("taskyard_unsampled", default=None)
note_unsampled = _noted.set
"""Note what this asyncio task does, which is part of a trace that is not kept."""


def defer_spans(place_of: Callable[[Any], SpanContext]) -> None:
    """Let the place of what is noted be the current one, here and in all asyncio tasks that are made from here on.

    Args:
        place_of: where in its trace something is that was noted; the same at each call.
    """
    attach(context_of(_DeferredSpan(place_of)))


def derive_unsampled_root(name: str, kept_below: int) -> SpanContext:
    """The place of something that nobody traces and that begins a trace: the same for the same name.

    Args:
        name: of what is done, and of nothing else.
        kept_below: as for :class:`UnsampledRoot`.
    """
    digest = blake2b(name.encode(), digest_size=24).digest()
    high, low, span_id = (int.from_bytes(digest[start : start + 8]) or 1 for start in (0, 8, 16))
    random_part = kept_below + (low * ((1 << 64) - kept_below) >> 64)
    return SpanContext(high << 64 | random_part, span_id, is_remote=False)


def is_well_formed(traceparent: str) -> bool:
    """Whether it is a `traceparent` by the W3C's rules, which say to ignore all others."""
    return _TRACEPARENT.fullmatch(traceparent) is not None


def read_place(texts: TraceTexts) -> SpanContext | None:
    """Which span the texts name; ``None`` where they name none. The library's way to it takes six times as long."""
    parent, state = texts
    if parent is None or not is_well_formed(parent):
        return None
    return SpanContext(
        int(parent[_TRACE_ID], 16),
        int(parent[_SPAN_ID], 16),
        is_remote=True,
        trace_flags=TraceFlags(int(parent[_FLAGS], 16)),
        trace_state=TraceState.from_header([state]) if state else TraceState.get_default(),
    )


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
