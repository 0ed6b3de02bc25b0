"""The producer's spans: one for each task that is enqueued, or for each batch."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace
from opentelemetry.trace import Span, SpanKind

from queueapi.submission.coalescer import EnqueueCall, SendCall
from queuecore.observe.tracing import names
from queuecore.observe.tracing.tracer import Tracer, fail
from queuecore.store.tasks.enqueue import Enqueue, Enqueued, EnqueueResult

_SEND = "send"


class SendTracing:
    """Puts a span around calls that enqueue, and its context into the tasks.

    The span lasts until the store has answered. The call of the store itself has none, as it serves many requests.

    Args:
        tracing: makes the spans.
    """

    def __init__(self, tracing: Tracer) -> None:
        self._tracing = tracing

    def one(self, send: SendCall) -> SendCall:
        """``send``, traced."""

        async def traced(request: Enqueue) -> EnqueueResult:
            with self._tracing.span(_SEND, SpanKind.PRODUCER) as span:
                _describe(span, [request])
                answer = await send(self._carry_context([request])[0])
                _note(span, [answer])
                return answer

        return traced

    def many(self, enqueue: EnqueueCall) -> EnqueueCall:
        """``enqueue``, traced. All tasks of the call carry the context of its one span."""

        async def traced(requests: Sequence[Enqueue]) -> Sequence[EnqueueResult]:
            with self._tracing.span(_SEND, SpanKind.PRODUCER) as span:
                _describe(span, requests)
                span.set_attribute(names.MESSAGING_BATCH_COUNT, len(requests))
                answers = await enqueue(self._carry_context(requests))
                _note(span, answers)
                return answers

        return traced

    def _carry_context(self, requests: Sequence[Enqueue]) -> Sequence[Enqueue]:
        here = self._tracing.outgoing()
        if here is None:
            return requests
        return [
            replace(request, task=replace(request.task, traceparent=here.traceparent, tracestate=here.tracestate))
            for request in requests
        ]


def _describe(span: Span, requests: Sequence[Enqueue]) -> None:
    """Add what all of the tasks share."""
    if not span.is_recording():
        return
    span.set_attribute(names.MESSAGING_SYSTEM, names.SYSTEM)
    span.set_attribute(names.MESSAGING_OPERATION_NAME, _SEND)
    span.set_attribute(names.MESSAGING_OPERATION_TYPE, _SEND)
    queues = {request.task.queue for request in requests}
    types = {request.task.type for request in requests}
    if len(queues) == 1:
        (queue,) = queues
        span.set_attribute(names.MESSAGING_DESTINATION, queue)
        span.update_name(f"{_SEND} {queue}")
    if len(types) == 1:
        span.set_attribute(names.TASK_TYPE, types.pop())


def _note(span: Span, answers: Sequence[EnqueueResult]) -> None:
    """Tell what became of the tasks."""
    if not span.is_recording():
        return
    refused = [answer for answer in answers if not isinstance(answer, Enqueued)]
    if refused:
        fail(span, type(refused[0]).__name__)
    if len(answers) > 1:
        span.set_attribute(names.SEND_REFUSED, len(refused))
        return
    for answer in answers:
        if isinstance(answer, Enqueued):
            span.set_attribute(names.MESSAGING_MESSAGE_ID, answer.task_id)
            if answer.replayed:
                span.set_attribute(names.SEND_REPLAYED, value=True)
