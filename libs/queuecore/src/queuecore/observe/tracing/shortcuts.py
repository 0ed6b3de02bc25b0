"""Shortcuts past OpenTelemetry's SDK; a collector receives the same spans as from the SDK.

The SDK takes 30 µs for a span, twice that once its code has left the processor's caches, and delays the next task by as
much; 7 µs for a span that is not recorded, and 6 µs for its context. Most traces are not recorded, and most attempts
need no more than their start, attributes and end. Therefore:

- :class:`Sampling` decides by the `traceparent` or by the sampler's own rule, without the SDK.
- The ids of an unsampled span are found when logs or further calls need them (:class:`UnsampledSpan`).
- :class:`LateSpan` notes the facts of an attempt, and exports them as they are unless the SDK had to make the span.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from hashlib import blake2b
from random import getrandbits, random, randrange
from threading import Lock, local
from time import time_ns
from typing import Concatenate, NamedTuple, ParamSpec, TypeVar

from opentelemetry import trace
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import (
    INVALID_SPAN_CONTEXT,
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    TraceFlags,
)
from opentelemetry.util import types

from queuecore.observe.tracing.context import TraceTexts, is_well_formed, read_context, read_place
from queuecore.observe.tracing.tracer import Attempt, AttemptSpan, Attributes

P = ParamSpec("P")
T = TypeVar("T")

_LAST_DIGIT_OF_FLAGS = slice(54, 55)
"""Of a `traceparent`; its lowest bit is the sampled flag."""
_RANDOM_PART = slice(19, 35)
"""Of a `traceparent`; samplers by trace id compare it with a bound."""
_UNSAMPLED_DIGITS = frozenset("02468ace")
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)
_SAMPLED_AND_RANDOM = TraceFlags(TraceFlags.SAMPLED | TraceFlags.RANDOM_TRACE_ID)
_SEED_BITS = 192
_LOW_BITS = (1 << 64) - 1


class TraceIds(RandomIdGenerator):
    """Random ids for the SDK; the next span without a parent gets the id that the same thread set last."""

    def __init__(self) -> None:
        self._drawn = local()

    def draw(self, trace_id: int) -> None:
        """Set the trace id of the thread's next span without a parent."""
        self._drawn.trace_id = trace_id

    def generate_trace_id(self) -> int:
        """Return the id that was set, or a new one."""
        drawn: int | None = getattr(self._drawn, "trace_id", None)
        self._drawn.trace_id = None
        return super().generate_trace_id() if drawn is None else drawn


class Sampling:
    """The rule of the SDK's sampler, at a fraction of its cost.

    Args:
        ids: the source of trace ids.
        obeys_parent: the sampler keeps a span exactly if its parent is kept.
        kept_below: of spans without a parent, those whose trace id's random part is below this are kept; ``None``: all.
    """

    def __init__(self, ids: TraceIds, *, obeys_parent: bool, kept_below: int | None) -> None:
        self.ids = ids
        self.kept_below = kept_below or 0
        self._obeys_parent = obeys_parent
        self._keeps_all = kept_below is None
        self._kept_share = self.kept_below / (1 << 64)

    def keeps(self, traceparent: str | None) -> bool:
        """Return whether work of this trace is recorded; without a trace, decide for the next one that begins."""
        if traceparent is not None and self._obeys_parent:
            return traceparent[_LAST_DIGIT_OF_FLAGS] not in _UNSAMPLED_DIGITS
        if self._keeps_all:
            return True
        if traceparent is not None and is_well_formed(traceparent):
            return int(traceparent[_RANDOM_PART], 16) < self.kept_below
        if random() >= self._kept_share:  # noqa: S311 - guards nothing
            return False
        self.ids.draw((getrandbits(64) or 1) << 64 | randrange(self.kept_below))  # noqa: S311 - guards nothing
        return True


def find_unsampled(sender: TraceTexts, seed: int, kept_below: int) -> SpanContext:
    """Find the ids of an unsampled span: the sender's, or the first of a trace that no sampler keeps.

    Args:
        sender: the trace context of the request or the task.
        seed: of 192 bits; a new trace is the same for the same seed.
        kept_below: see :class:`Sampling`.
    """
    if sender.traceparent is not None:
        return read_place(sender) or INVALID_SPAN_CONTEXT
    high, low = seed >> 128 or 1, seed >> 64 & _LOW_BITS
    random_part = kept_below + (low * ((1 << 64) - kept_below) >> 64)
    return SpanContext(high << 64 | random_part, seed & _LOW_BITS or 1, is_remote=False)


class UnsampledSpan(NonRecordingSpan):
    """A span of a trace that is not recorded.

    Args:
        caller: the trace context of the request; a new trace begins without one.
        kept_below: see :class:`Sampling`.
    """

    __slots__ = ("_found", "_kept_below", "caller")

    def __init__(self, caller: TraceTexts, kept_below: int) -> None:
        self.caller = caller
        self._kept_below = kept_below
        self._found: SpanContext | None = None

    def get_span_context(self) -> SpanContext:
        """Find the ids, once."""
        if self._found is None:
            self._found = find_unsampled(self.caller, getrandbits(_SEED_BITS), self._kept_below)
        return self._found


_unsampled_attempt: ContextVar[Attempt | None] = ContextVar("taskyard_unsampled", default=None)
note_unsampled = _unsampled_attempt.set
"""Note the attempt of this asyncio task, which is not recorded. That costs less than to make a span current."""


class UnsampledAttempt(NonRecordingSpan):
    """The current span of every attempt that is not recorded, attached once for all asyncio tasks of attempts.

    Args:
        kept_below: see :class:`Sampling`.
    """

    def __init__(self, kept_below: int) -> None:
        self._kept_below = kept_below

    def get_span_context(self) -> SpanContext:
        """Find the ids of the attempt that was noted; the same for the same attempt."""
        attempt = _unsampled_attempt.get()
        if attempt is None:
            return INVALID_SPAN_CONTEXT
        task = attempt.task
        digest = blake2b(f"{task.queue} {task.id} {attempt.token}".encode(), digest_size=_SEED_BITS // 8).digest()
        sender = TraceTexts(task.traceparent, task.tracestate)
        return find_unsampled(sender, int.from_bytes(digest), self._kept_below)


def start_consumer_span(
    tracer: trace.Tracer, name: str, sender: TraceTexts, attributes: Attributes, began_at_ns: int
) -> Span:
    """Start a span of the SDK: a child of the span that sent the task, and linked to it."""
    context = read_context(sender)
    parent = trace.get_current_span(context).get_span_context()
    links = [Link(parent)] if parent.is_valid else []
    return tracer.start_span(name, context, SpanKind.CONSUMER, attributes, links, began_at_ns)


class Process(NamedTuple):
    """The parts that all late spans of a process share."""

    tracer: trace.Tracer
    ids: TraceIds
    resource: Resource
    scope: InstrumentationScope
    limits: SpanLimits
    export: Callable[[ReadableSpan], None]
    """Takes spans that have ended."""


def _limit(attributes: Attributes, limits: SpanLimits) -> Attributes:
    """Apply the limits of the environment's variables."""
    most, longest = limits.max_span_attributes, limits.max_span_attribute_length
    if longest is None and (most is None or len(attributes) <= most):
        return attributes
    return BoundedAttributes(most, attributes, immutable=True, max_value_len=longest)


class _EndedSpan(ReadableSpan):
    """A span that the SDK never made; the exporter's thread makes its link."""

    @property
    def links(self) -> Sequence[Link]:
        return () if self.parent is None else (Link(self.parent),)


def _of_the_sdk(method: Callable[Concatenate[Span, P], T]) -> Callable[Concatenate[LateSpan, P], T]:
    """Have the SDK make the span, and call a method of it."""

    def forward(self: LateSpan, /, *args: P.args, **kwargs: P.kwargs) -> T:
        result: T = getattr(self.make(), method.__name__)(*args, **kwargs)
        return result

    return forward


class LateSpan(AttemptSpan):
    """A recorded span that the SDK makes only when its id is needed or more than attributes is added.

    Args:
        process: the parts that all spans share.
        name: the span's.
        sender: the trace context of the task.
        attributes: the span's.
    """

    def __init__(
        self, process: Process, name: str, sender: TraceTexts, attributes: dict[str, types.AttributeValue]
    ) -> None:
        self._process = process
        self._name = name
        self._sender = sender
        self._attributes = attributes
        self._began_at_ns = time_ns()
        self._parent = parent = read_place(sender)
        self._trace_id = process.ids.generate_trace_id() if parent is None else parent.trace_id
        # Handlers in threads use the span, too.
        self._lock = Lock()
        self._made: Span | None = None

    @property
    def trace_id(self) -> str:
        """In hexadecimal; does not make the span."""
        return trace.format_trace_id(self._trace_id)

    def set_attribute(self, key: str, value: types.AnyValue) -> None:
        """Set one attribute."""
        with self._lock:
            if self._made is None:
                self._attributes[key] = value
                return
        self._made.set_attribute(key, value)

    def is_recording(self) -> bool:
        """Return whether the span has not ended."""
        return self._made is None or self._made.is_recording()

    def end(self, end_time: int | None = None) -> None:
        """End the span now, or at a Unix time in ns."""
        with self._lock:
            made = self._made
            if made is None:
                context = self._new_context()
                self._made = NonRecordingSpan(context)
        if made is None:
            self._process.export(self._ended(context, end_time or time_ns()))
        else:
            made.end(end_time)

    def _ended(self, context: SpanContext, ended_at_ns: int) -> ReadableSpan:
        process = self._process
        return _EndedSpan(
            self._name,
            context,
            self._parent,
            process.resource,
            _limit(self._attributes, process.limits),
            kind=SpanKind.CONSUMER,
            start_time=self._began_at_ns,
            end_time=ended_at_ns,
            instrumentation_scope=process.scope,
        )

    def _new_context(self) -> SpanContext:
        parent = self._parent
        is_random = parent is None or parent.trace_flags.random_trace_id
        return SpanContext(
            self._trace_id,
            getrandbits(64) or 1,
            is_remote=False,
            trace_flags=_SAMPLED_AND_RANDOM if is_random else _SAMPLED,
            trace_state=None if parent is None else parent.trace_state,
        )

    def make(self) -> Span:
        """Have the SDK make the span, once."""
        with self._lock:
            if self._made is None:
                process = self._process
                if self._parent is None:
                    process.ids.draw(self._trace_id)
                self._made = start_consumer_span(
                    process.tracer, self._name, self._sender, self._attributes, self._began_at_ns
                )
            return self._made

    get_span_context = _of_the_sdk(Span.get_span_context)
    set_attributes = _of_the_sdk(Span.set_attributes)
    add_event = _of_the_sdk(Span.add_event)
    add_link = _of_the_sdk(Span.add_link)
    update_name = _of_the_sdk(Span.update_name)
    set_status = _of_the_sdk(Span.set_status)
    record_exception = _of_the_sdk(Span.record_exception)
