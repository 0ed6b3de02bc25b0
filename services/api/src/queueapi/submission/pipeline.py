"""Submission pipeline: the stages between a request for tasks and its response.

::

    decode      the body becomes items, one per task
    validate    each item's request becomes a task: fields, type, payload against the type's schema
    claim       the idempotency keys are claimed for this request
    enqueue     the accepted tasks go to the store
    give back   keys of tasks that the store has refused are free again
    respond     the items become the response

A single task is one item. Large bodies pass decode and validate in slices, so that the objects of one slice exist at a
time; see :mod:`queueapi.submission.slicing`. A stage that refuses a task sets the item's refusal, and the stages in
between skip the item. Errors of the request as a whole are raised: a malformed body, a batch's idempotency key, an
outage of the store. Nothing is written to the store before claim, so a request that is refused earlier leaves no trace.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
from opentelemetry.trace import SpanKind

from queueapi.errors import ApiError, duplicate_task, payload_too_large
from queueapi.http.response import JsonResponse
from queueapi.schemas.parsing import (
    check_batch_tasks,
    check_json,
    parse_batch,
    parse_batch_task,
    parse_task,
    split_batch,
)
from queueapi.submission.backpressure import Backpressure
from queueapi.submission.builder import TaskBuilder
from queueapi.submission.claims import IdempotencyClaims
from queueapi.submission.coalescer import EnqueueCall, SendCall
from queueapi.submission.idempotency_key import FIELD, HEADER, BatchFingerprint, IdempotencyKey, check_key, fingerprint
from queueapi.submission.item import Item, accepted
from queueapi.submission.response import respond_batch, respond_task
from queueapi.submission.slicing import SLICE_BYTES, Turns, slices
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
        max_task_bytes: maximum size of a task of a batch.
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
        max_task_bytes: int,
        tracing: Tracer = PASSIVE,
    ) -> None:
        self._builder = builder
        self._types = types
        self._claims = claims
        self._backpressure = backpressure
        self._send = send
        self._send_many = send_many
        self._max_task_bytes = max_task_bytes
        self._large_bytes = min(max_task_bytes, SLICE_BYTES)
        self._turns = Turns()
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
        size = len(body)
        await self._turns.take(size)
        check_json(body)
        await self._turns.take(size)
        item = Item(0, request=parse_task(body))
        await self._validate([item], origin)
        claim = None
        if idempotency_key is not None:
            await self._turns.take(size)
            item.key = IdempotencyKey(idempotency_key, HEADER, fingerprint(body))
            claim = await self._claims.claim([item])
        await self._enqueue(item)
        if claim is not None:
            await self._claims.give_back(claim)
        return respond_task(item)

    async def submit_batch(self, body: bytes, idempotency_key: str | None, origin: TraceTexts) -> JsonResponse:
        """Enqueue the tasks of a batch, each on its own; arguments as for :meth:`submit_task`.

        Raises:
            ApiError: the batch as a whole is refused.
            StoreError: the store failed for every task.
        """
        await self._turns.take(len(body))
        is_large = len(body) > self._large_bytes
        read = self._read_large_batch if is_large else self._read_batch
        items, batch_key = await read(body, idempotency_key, origin)
        claim = await self._claims.claim(items, batch_key)
        await self._enqueue_batch(items)
        await self._claims.give_back(claim)
        return respond_batch(items, has_key=batch_key is not None)

    async def _read_batch(self, body: bytes, idempotency_key: str | None, origin: TraceTexts) -> _Batch:
        """Decode and validate the tasks of a batch."""
        tasks = parse_batch(body)
        key = None
        if idempotency_key is not None:
            check_key(idempotency_key, HEADER)
            key = IdempotencyKey(idempotency_key, HEADER, fingerprint(body))
        items = [decode_batch_task(position, task) for position, task in enumerate(tasks)]
        await self._validate(items, origin)
        return _Batch(items, key)

    async def _read_large_batch(self, body: bytes, idempotency_key: str | None, origin: TraceTexts) -> _Batch:
        """Decode and validate the tasks of a batch slice by slice, with a turn of the event loop before each step."""
        tasks = split_batch(body)
        if idempotency_key is not None:
            check_key(idempotency_key, HEADER)
        whole = BatchFingerprint()
        items: list[Item] = []
        may_refresh = True
        for part in slices(tasks):
            await self._turns.take(len(body))
            check_batch_tasks(filter(self._fits, part.texts))
            if idempotency_key is not None:
                await self._turns.take(part.size)
                for text in part.texts:
                    whole.add(text, canonical=self._fits(text))
            await self._turns.take(part.size)
            decoded = [
                decode_batch_task(place, text) if self._fits(text) else self._too_large(place)
                for place, text in enumerate(part.texts, len(items))
            ]
            if await self._validate(decoded, origin, may_refresh=may_refresh):
                may_refresh = False
            items += decoded
        key = None if idempotency_key is None else IdempotencyKey(idempotency_key, HEADER, whole.hexdigest())
        return _Batch(items, key)

    def _fits(self, text: bytes) -> bool:
        return len(text) <= self._max_task_bytes

    def _too_large(self, position: int) -> Item:
        item = Item(position)
        item.refuse(payload_too_large("the task", self._max_task_bytes, "TASKYARD_API_MAX_TASK_BODY"))
        return item

    async def _validate(self, items: Sequence[Item], origin: TraceTexts, *, may_refresh: bool = True) -> bool:
        """Build the tasks and check them against the schemas of their types.

        Args:
            items: decoded tasks.
            origin: the caller's trace context.
            may_refresh: whether an unknown type causes a refresh of the types.

        Returns:
            Whether it did.
        """
        unknown_type = False
        for item in items:
            if item.refusal is None:
                try:
                    item.task = self._builder.build(item.request, origin)
                except ApiError as error:
                    item.refuse(error)
                else:
                    unknown_type = unknown_type or not self._types.accepts(item.task.type)
        refreshes = unknown_type and may_refresh
        if refreshes:
            await self._types.refresh()
        for item in items:
            if item.refusal is None:
                try:
                    self._types.validate(item.task.type, item.request.payload)
                except ApiError as error:
                    item.refuse(error)
            item.request = None  # type: ignore[assignment]  # see Item.request
        return refreshes

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
            item.refused_by_store = True
            item.refusal = duplicate_task(result.task_id, result.by_lock)
        elif isinstance(result, QueueFull):
            item.refused_by_store = True
            item.refusal = self._backpressure.refusal(result)
        else:
            item.refusal = result


class _Batch(NamedTuple):
    items: list[Item]
    key: IdempotencyKey | None


def decode_batch_task(position: int, body: bytes | msgspec.Raw) -> Item:
    """The item of a task of a batch; a malformed task is refused on its own."""
    item = Item(position)
    try:
        request = parse_batch_task(body)
    except ApiError as error:
        item.refuse(error)
    else:
        item.request = request
        if request.idempotency_key is not msgspec.UNSET:
            item.key = IdempotencyKey(request.idempotency_key, FIELD, fingerprint(body))
    return item


def _raise_outage(results: Sequence[EnqueueResult]) -> None:
    """Raise the store's error when it failed for every task: clients retry the whole request."""
    first = results[0]
    if isinstance(first, _OUTAGES) and all(isinstance(result, _OUTAGES) for result in results):
        raise first
