"""The tracer of a process that exports spans, on OpenTelemetry's SDK."""

from __future__ import annotations

import threading
from collections.abc import Callable
from importlib.metadata import version

import structlog
from opentelemetry import trace
from opentelemetry.context import attach
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanKind, StatusCode
from opentelemetry.util.types import AttributeValue

from queuecore.observe.tracing import names
from queuecore.observe.tracing.context import TraceTexts, context_of, read_context, write_current_context
from queuecore.observe.tracing.shortcuts import (
    LateSpan,
    Process,
    Sampling,
    UnsampledSpan,
    note_unsampled,
    start_consumer_span,
)
from queuecore.observe.tracing.tracer import NO_SPAN, Attempt, AttemptSpan, Attributes, OpenSpan, SpanBlock, Tracer

FLUSH_S = 2.0
"""Limit for the export of the last spans at the end of the process."""

_PROCESS = "process"

log = structlog.get_logger()


class SdkTracer(Tracer):
    """Begins and continues traces.

    Args:
        provider: the SDK.
        sampling: the rule by which the SDK samples.
        export: takes spans that have ended.
        worker: the id of the process, if it runs attempts.
    """

    def __init__(
        self,
        provider: TracerProvider,
        sampling: Sampling,
        export: Callable[[ReadableSpan], None],
        worker: str = "",
    ) -> None:
        release = version("taskyard-core")
        tracer = provider.get_tracer(names.SCOPE, release)
        super().__init__(tracer)
        self._provider = provider
        self._sampling = sampling
        self._worker = worker
        scope = InstrumentationScope(names.SCOPE, release)
        self._process = Process(tracer, sampling.ids, provider.resource, scope, SpanLimits(), export)

    def entry(
        self,
        name: str,
        kind: SpanKind,
        attributes: Attributes | None = None,
        *,
        caller: Callable[[], TraceTexts] = TraceTexts,
        record_exceptions: bool = False,
    ) -> SpanBlock:
        """Open the first span of this process in a trace; an unsampled trace costs no span of the SDK."""
        texts = caller()
        if not self._sampling.keeps(texts.traceparent):
            unsampled = UnsampledSpan(texts, self._sampling.kept_below)
            return OpenSpan(unsampled, context_of(unsampled))
        span = self._tracer.start_span(name, read_context(texts), kind, attributes)
        return OpenSpan(span, context_of(span), record_exceptions=record_exceptions)

    def attempt(self, attempt: Attempt) -> AttemptSpan:
        """Make an attempt's span the current one, or note an attempt that is not recorded."""
        task = attempt.task
        traceparent = task.traceparent
        if not self._sampling.keeps(traceparent):
            note_unsampled(attempt)
            return NO_SPAN
        attributes: dict[str, AttributeValue] = {
            names.MESSAGING_SYSTEM: names.SYSTEM,
            names.MESSAGING_OPERATION_NAME: _PROCESS,
            names.MESSAGING_OPERATION_TYPE: _PROCESS,
            names.MESSAGING_DESTINATION: task.queue,
            names.MESSAGING_MESSAGE_ID: task.id,
            names.MESSAGING_CLIENT_ID: self._worker,
            names.TASK_TYPE: task.type,
            names.TASK_ATTEMPT: attempt.attempt,
            names.TASK_WAITED: attempt.waited_ms,
        }
        sender = TraceTexts(traceparent, task.tracestate)
        span = LateSpan(self._process, f"{_PROCESS} {task.queue}", sender, attributes)
        attach(context_of(span))
        return span

    def record(
        self, name: str, sender: TraceTexts, attributes: Attributes, began_at_ns: int, ended_at_ns: int, error: str
    ) -> None:
        """Record a failed span of the past."""
        if self._sampling.keeps(sender.traceparent):
            span = start_consumer_span(self._tracer, name, sender, attributes, began_at_ns)
            span.set_status(StatusCode.ERROR, error)
            span.end(ended_at_ns)

    def outgoing(self) -> TraceTexts | None:
        """Return the context of the current span, unless it is the caller's own."""
        current = trace.get_current_span()
        return None if isinstance(current, UnsampledSpan) and current.caller.traceparent else write_current_context()

    def stop(self) -> None:
        """Export what is left, within :data:`FLUSH_S`."""
        # In a thread, as the SDK's own limits add up to half a minute.
        flush = threading.Thread(target=self._provider.shutdown, name="traces-flush", daemon=True)
        flush.start()
        flush.join(FLUSH_S)
        if flush.is_alive():
            log.warning("traces_not_sent", after_s=FLUSH_S)
