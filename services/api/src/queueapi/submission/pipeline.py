"""Submission pipeline: the stages between a request for tasks and its response.

::

    decode      the body becomes items, one per task
    validate    each item's request becomes a task: fields, type, payload against the type's schema
    claim       the idempotency keys are claimed for this request
    enqueue     the accepted tasks go to the store
    respond     the items become the response

A single task is one item. A stage that refuses a task sets the item's refusal, and the stages in between skip the item.
Errors of the request as a whole are raised: a malformed body, a batch's idempotency key, an outage of the store.
Nothing is written to the store before claim, so a request that is refused earlier leaves no trace.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from opentelemetry.trace import SpanKind

from queueapi.errors import ApiError, duplicate_task
from queueapi.http.response import JsonResponse
from queueapi.schemas.parsing import parse_batch, parse_batch_task, parse_task
from queueapi.submission.backpressure import Backpressure
from queueapi.submission.builder import TaskBuilder
from queueapi.submission.claims import IdempotencyClaims
from queueapi.submission.coalescer import EnqueueCall, SendCall
from queueapi.submission.idempotency_key import FIELD, HEADER, IdempotencyKey
from queueapi.submission.item import Item, accepted
from queueapi.submission.response import respond_batch, respond_task
from queueapi.submission.tracing import SEND, carry, describe_outcomes, describe_tasks
from queueapi.submission.type_registry import TypeRegistry
from queuecore.errors import StoreFull, StoreUnavailable
from queuecore.observe.tracing import names
from queuecore.observe.tracing.context import TraceTexts
from queuecore.observe.tracing.tracer import PASSIVE, Tracer
from queuecore.store.tasks.enqueue import Duplicate, Enqueue, Enqueued, EnqueueResult, QueueFull

_OUTAGES = (StoreUnavailable, StoreFull)


class SubmissionPipeline:
    """Enqueues the tasks of requests.

    Args:
        builder: turns requests into tasks.
        types: validates types and payloads.
        claims: claims idempotency keys.
        backpressure: refuses tasks for full queues.
        send: enqueues one task; concurrent requests share calls of the store.
        send_many: enqueues the tasks of a batch in a call of its own.
        tracing: opens a span for each call that enqueues.
    """

    def __init__(
        self,
        builder: TaskBuilder,
        types: TypeRegistry,
        claims: IdempotencyClaims,
        backpressure: Backpressure,
        send: SendCall,
        send_many: EnqueueCall,
        tracing: Tracer = PASSIVE,
    ) -> None:
        self._builder = builder
        self._types = types
        self._claims = claims
        self._backpressure = backpressure
        self._send = send
        self._send_many = send_many
        self._tracing = tracing

    async def submit_task(self, body: bytes, idempotency_key: str | None, origin: TraceTexts) -> JsonResponse:
        """Enqueue one task.

        Args:
            body: the request's body.
            idempotency_key: the request's ``Idempotency-Key``.
            origin: the caller's trace context.

        Raises:
            ApiError: the task is refused.
            StoreError: the store failed.
        """
        item = decode_task(body, idempotency_key)
        await self._validate([item], origin)
        if item.key is not None:
            await self._claims.claim([item])
        await self._enqueue(item)
        return respond_task(item)

    async def submit_batch(self, body: bytes, idempotency_key: str | None, origin: TraceTexts) -> JsonResponse:
        """Enqueue the tasks of a batch, each on its own; arguments as for :meth:`submit_task`.

        Raises:
            ApiError: the batch as a whole is refused.
            StoreError: the store failed for every task.
        """
        items, batch_key = decode_batch(body, idempotency_key)
        await self._validate(items, origin)
        await self._claims.claim(items, batch_key)
        await self._enqueue_batch(items)
        return respond_batch(items, has_key=batch_key is not None)

    async def _validate(self, items: Sequence[Item], origin: TraceTexts) -> None:
        unknown_type = False
        for item in items:
            if item.refusal is None:
                try:
                    item.task = self._builder.build(item.request, origin)
                except ApiError as error:
                    item.refuse(error)
                else:
                    unknown_type = unknown_type or not self._types.accepts(item.task.type)
        if unknown_type:
            await self._types.refresh()
        for item in items:
            if item.refusal is None:
                try:
                    self._types.validate(item.task.type, item.request.payload)
                except ApiError as error:
                    item.refuse(error)

    async def _enqueue(self, item: Item) -> None:
        if item.refusal is None:
            request = self._enqueue_request(item)
            with self._tracing.span(SEND, SpanKind.PRODUCER) as span:
                describe_tasks(span, [request])
                result = await self._send(carry(request, self._tracing.outgoing()))
                describe_outcomes(span, [result])
            self._settle(item, result)

    async def _enqueue_batch(self, items: Sequence[Item]) -> None:
        ready = accepted(items)
        if ready:
            requests = [self._enqueue_request(item) for item in ready]
            with self._tracing.span(SEND, SpanKind.PRODUCER) as span:
                describe_tasks(span, requests)
                span.set_attribute(names.MESSAGING_BATCH_COUNT, len(requests))
                context = self._tracing.outgoing()
                results = await self._send_many([carry(request, context) for request in requests])
                describe_outcomes(span, results)
            _raise_outage(results)
            for item, result in zip(ready, results, strict=True):
                self._settle(item, result)

    def _enqueue_request(self, item: Item) -> Enqueue:
        return Enqueue(item.task, item.idempotency_digest, self._types.metric_label(item.task.type))

    def _settle(self, item: Item, result: EnqueueResult) -> None:
        if isinstance(result, Enqueued):
            item.enqueued = result
        elif isinstance(result, Duplicate):
            item.refusal = duplicate_task(result.task_id, result.by_lock)
        elif isinstance(result, QueueFull):
            item.refusal = self._backpressure.refusal(result)
        else:
            item.refusal = result


def decode_task(body: bytes, idempotency_key: str | None) -> Item:
    """The item of a single task.

    Raises:
        ApiError: the body is malformed.
    """
    request = parse_task(body)
    key = None if idempotency_key is None else IdempotencyKey(idempotency_key, HEADER, body)
    return Item(0, key, request)


def decode_batch(body: bytes, idempotency_key: str | None) -> tuple[list[Item], IdempotencyKey | None]:
    """The items of a batch, and the key of the batch as a whole. A malformed task is refused on its own.

    Raises:
        ApiError: the body is not a batch, or the key is malformed.
    """
    bodies = parse_batch(body)
    batch_key = None
    if idempotency_key is not None:
        batch_key = IdempotencyKey(idempotency_key, HEADER, body)
        batch_key.check()
    items = [_decode_batch_task(position, each) for position, each in enumerate(bodies)]
    return items, batch_key


def _decode_batch_task(position: int, body: msgspec.Raw) -> Item:
    item = Item(position)
    try:
        request = parse_batch_task(body)
    except ApiError as error:
        item.refuse(error)
    else:
        item.request = request
        if request.idempotency_key is not msgspec.UNSET:
            item.key = IdempotencyKey(request.idempotency_key, FIELD, body)
    return item


def _raise_outage(results: Sequence[EnqueueResult]) -> None:
    """Raise the store's error when it failed for every task: clients retry the whole request."""
    first = results[0]
    if isinstance(first, _OUTAGES) and all(isinstance(result, _OUTAGES) for result in results):
        raise first
