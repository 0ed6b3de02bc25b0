"""The producer's spans: one for each task that is enqueued, or for each batch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from msgspec.structs import replace
from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, StatusCode

from queueapi.submission.coalescer import EnqueueCall, SendCall
from queuecore.observe.tracing import names
from queuecore.observe.tracing.context import UnsampledSpan, write_current_context
from queuecore.observe.tracing.setup import Attributes, Tracing
from queuecore.store.tasks.enqueue import Enqueue, Enqueued, EnqueueResult

_SEND = "send"


class SendTracing:
    """Puts a span around calls that enqueue, and its context into the tasks.

    The span lasts until the store has answered. The call of the store itself has none, as it serves many requests.

    Args:
        tracing: makes the spans.
    """

    def __init__(self, tracing: Tracing) -> None:
        self._tracing = tracing

    def one(self, send: SendCall) -> SendCall:
        """``send``, traced."""

        async def traced(request: Enqueue) -> EnqueueResult:
            if _tasks_carry_context():
                return await send(request)
            with self._span([request]) as span:
                answer = await send(_carry_context([request])[0])
                _note(span, [answer])
                return answer

        return traced

    def many(self, enqueue: EnqueueCall) -> EnqueueCall:
        """``enqueue``, traced. All tasks of the call carry the context of its one span."""

        async def traced(requests: Sequence[Enqueue]) -> Sequence[EnqueueResult]:
            if _tasks_carry_context():
                return await enqueue(requests)
            with self._span(requests) as span:
                span.set_attribute(names.MESSAGING_BATCH_COUNT, len(requests))
                answers = await enqueue(_carry_context(requests))
                _note(span, answers)
                return answers

        return traced

    @contextmanager
    def _span(self, requests: Sequence[Enqueue]) -> Iterator[Span]:
        current = trace.get_current_span()
        if not current.is_recording():
            yield current
            return
        attributes = _attributes(requests)
        name = " ".join(filter(None, (_SEND, str(attributes.get(names.MESSAGING_DESTINATION, "")))))
        span = self._tracing.tracer.start_span(name, kind=SpanKind.PRODUCER, attributes=attributes)
        with trace.use_span(span, end_on_exit=True, record_exception=False, set_status_on_exception=False):
            try:
                yield span
            except BaseException as error:
                _fail(span, type(error).__name__)
                raise


def _attributes(requests: Sequence[Enqueue]) -> Attributes:
    """What all of the tasks share."""
    attributes: Attributes = {
        names.MESSAGING_SYSTEM: names.SYSTEM,
        names.MESSAGING_OPERATION_NAME: _SEND,
        names.MESSAGING_OPERATION_TYPE: _SEND,
    }
    queues = {request.task.queue for request in requests}
    types = {request.task.type for request in requests}
    if len(queues) == 1:
        attributes[names.MESSAGING_DESTINATION] = queues.pop()
    if len(types) == 1:
        attributes[names.TASK_TYPE] = types.pop()
    return attributes


def _tasks_carry_context() -> bool:
    """Whether the current span is the caller's, whose context stands in the tasks from their headers."""
    return isinstance(trace.get_current_span(), UnsampledSpan)


def _carry_context(requests: Sequence[Enqueue]) -> list[Enqueue]:
    here = write_current_context()
    return [
        replace(request, task=replace(request.task, traceparent=here.traceparent, tracestate=here.tracestate))
        for request in requests
    ]


def _note(span: Span, answers: Sequence[EnqueueResult]) -> None:
    """Tell what became of the tasks."""
    if not span.is_recording():
        return
    refused = [answer for answer in answers if not isinstance(answer, Enqueued)]
    if refused:
        _fail(span, type(refused[0]).__name__)
    if len(answers) > 1:
        span.set_attribute(names.SEND_REFUSED, len(refused))
        return
    for answer in answers:
        if isinstance(answer, Enqueued):
            span.set_attribute(names.MESSAGING_MESSAGE_ID, answer.task_id)
            if answer.replayed:
                span.set_attribute(names.SEND_REPLAYED, value=True)


def _fail(span: Span, error_type: str) -> None:
    span.set_attribute(names.ERROR_TYPE, error_type)
    span.set_status(StatusCode.ERROR)
