"""Spans of what is done with tasks, which the SDK makes when somebody asks for more than most do.

Of most attempts of a task, tracing learns when they began and ended, and how. The SDK takes 30 µs for such a span,
and the double where its code has left the processor's caches since the last one, all in the way of the next task. Here
only the facts are noted then, and the exporter's thread makes a span of them, many at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from importlib.metadata import version
from random import getrandbits
from threading import Lock
from time import time_ns

from opentelemetry import trace
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    Tracer,
)
from opentelemetry.util.types import AnyValue, Attributes

from queuecore.observe.tracing.context import TraceTexts, read_context, read_place
from queuecore.observe.tracing.ids import TraceIds
from queuecore.observe.tracing.names import SCOPE

SpanAttributes = dict[str, AnyValue]

_KEPT = TraceFlags(TraceFlags.SAMPLED)
_KEPT_AND_RANDOM = TraceFlags(TraceFlags.SAMPLED | TraceFlags.RANDOM_TRACE_ID)


class Consumers:
    """Makes the spans of what is done with tasks: each a child of the span that sent the task, and linked to it.

    Args:
        provider: the SDK.
        tracer: makes spans at once.
        ids: the source of trace ids.
        export: takes spans that have ended.
    """

    def __init__(
        self, provider: TracerProvider, tracer: Tracer, ids: TraceIds, export: Callable[[ReadableSpan], None]
    ) -> None:
        self._tracer = tracer
        self.resource = provider.resource
        self.scope = InstrumentationScope(SCOPE, version("queuecore"))
        self.ids = ids
        self.export = export
        self.limits = SpanLimits()

    def start(self, name: str, origin: TraceTexts, attributes: SpanAttributes, began_at_ns: int) -> Span:
        """Have the SDK start a span; it asks its sampler whether to keep it."""
        context = read_context(origin)
        sender = trace.get_current_span(context).get_span_context()
        links = [Link(sender)] if sender.is_valid else []
        return self._tracer.start_span(name, context, SpanKind.CONSUMER, attributes, links, began_at_ns)

    def begin(self, name: str, origin: TraceTexts, attributes: SpanAttributes) -> LateSpan:
        """Begin a span that is certain to be kept; the SDK makes it when it has to."""
        return LateSpan(self, name, origin, attributes)


class LateSpan(Span):
    """A recorded span. Whoever asks for its id or adds more to it than attributes has the SDK make it."""

    def __init__(self, consumers: Consumers, name: str, origin: TraceTexts, attributes: SpanAttributes) -> None:
        self._consumers = consumers
        self._name = name
        self._origin = origin
        self._attributes = attributes
        self._began_at_ns = time_ns()
        self._sender = sender = read_place(origin)
        self._trace_id = consumers.ids.generate_trace_id() if sender is None else sender.trace_id
        # Handlers in threads have it, too.
        self._lock = Lock()
        self._made: Span | None = None

    @property
    def trace_id(self) -> str:
        """In hexadecimal. To ask for it is free."""
        return trace.format_trace_id(self._trace_id)

    def set_attribute(self, key: str, value: AnyValue) -> None:
        """Set one attribute."""
        with self._lock:
            if self._made is None:
                self._attributes[key] = value
                return
        self._made.set_attribute(key, value)

    def end(self, end_time: int | None = None) -> None:
        """End it, now or at a time in ns."""
        with self._lock:
            made = self._made
            if made is None:
                ended = self._ended(end_time)
                self._made = NonRecordingSpan(ended.context)
        if made is None:
            self._consumers.export(ended)
        else:
            made.end(end_time)

    def _ended(self, end_time: int | None) -> EndedSpan:
        return EndedSpan(
            self._consumers, self._name, self._context(), self._sender, self._attributes, self._began_at_ns, end_time
        )

    def _context(self) -> SpanContext:
        sender = self._sender
        is_random = sender is None or sender.trace_flags.random_trace_id
        return SpanContext(
            self._trace_id,
            getrandbits(64) or 1,
            is_remote=False,
            trace_flags=_KEPT_AND_RANDOM if is_random else _KEPT,
            trace_state=None if sender is None else sender.trace_state,
        )

    def _make(self) -> Span:
        with self._lock:
            if self._made is None:
                if self._sender is None:
                    self._consumers.ids.draw(self._trace_id)
                self._made = self._consumers.start(self._name, self._origin, self._attributes, self._began_at_ns)
            return self._made

    def get_span_context(self) -> SpanContext:
        """Which span of which trace."""
        return self._make().get_span_context()

    def is_recording(self) -> bool:
        """Whether it has not ended."""
        return self._made is None or self._made.is_recording()

    def set_attributes(self, attributes: Mapping[str, AnyValue]) -> None:
        """Set some attributes."""
        self._make().set_attributes(attributes)

    def add_event(self, name: str, attributes: Attributes = None, timestamp: int | None = None) -> None:
        """Add an event."""
        self._make().add_event(name, attributes, timestamp)

    def add_link(self, context: SpanContext, attributes: Attributes = None) -> None:
        """Add a link."""
        self._make().add_link(context, attributes)

    def update_name(self, name: str) -> None:
        """Change its name."""
        self._make().update_name(name)

    def set_status(self, status: Status | StatusCode, description: str | None = None) -> None:
        """Say how it went."""
        self._make().set_status(status, description)

    def record_exception(
        self,
        exception: BaseException,
        attributes: Attributes = None,
        timestamp: int | None = None,
        escaped: bool = False,
    ) -> None:
        """Add an event that tells of an exception."""
        self._make().record_exception(exception, attributes, timestamp, escaped)


class EndedSpan(ReadableSpan):
    """A consumer's span that was never made; what costs is found out when the exporter asks."""

    def __init__(
        self,
        consumers: Consumers,
        name: str,
        context: SpanContext,
        sender: SpanContext | None,
        attributes: SpanAttributes,
        began_at_ns: int,
        ended_at_ns: int | None,
    ) -> None:
        super().__init__(
            name=name,
            context=context,
            parent=sender,
            resource=consumers.resource,
            attributes=attributes,
            kind=SpanKind.CONSUMER,
            start_time=began_at_ns,
            end_time=ended_at_ns or time_ns(),
            instrumentation_scope=consumers.scope,
        )
        self._limits = consumers.limits

    @cached_property
    def attributes(self) -> Attributes:
        """Within the limits that the process's variables set."""
        most, longest = self._limits.max_span_attributes, self._limits.max_span_attribute_length
        given = self._attributes or {}
        if longest is not None or (most is not None and len(given) > most):
            # Where the SDK counts what it dropped.
            self._attributes = BoundedAttributes(most, given, immutable=True, max_value_len=longest)
        return self._attributes

    @property
    def links(self) -> Sequence[Link]:
        """To the span that sent the task."""
        return () if self.parent is None else (Link(self.parent),)
