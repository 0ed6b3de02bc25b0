"""Taking tasks in: check, claim, enqueue. The same steps for single tasks and for batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from queueapi.coalescer import EnqueueCoalescer
from queueapi.errors import ApiError, duplicate_task, from_store
from queueapi.idempotency import check_key, fingerprint, item_digest, mismatch
from queueapi.parsing import parse_batch, parse_batch_task, parse_task
from queueapi.responses import BatchResult
from queueapi.store_deadline import store_deadline
from queueapi.task_building import TaskBuilder
from queueapi.type_registry import TypeRegistry
from queuecore.errors import StoreError, StoreFull, StoreUnavailable
from queuecore.store.enqueue import Duplicate, Enqueue, Enqueued, Enqueuer
from queuecore.store.idempotency import IdempotencyKeys, key_digest

UNREGISTERED_LABEL = "unregistered"
"""What metrics call the type of tasks that nobody registered, so that callers cannot make series without bound."""
_HEADER = "Idempotency-Key"


class Submission(NamedTuple):
    """A task that was taken in."""

    queue: str
    enqueued: Enqueued


class _BatchItem(NamedTuple):
    place: int
    enqueue: Enqueue
    fingerprint: str | None
    """Set where the task has an idempotency key of its own."""


class Submitter:
    """Takes tasks in."""

    def __init__(self, builder: TaskBuilder, types: TypeRegistry, enqueuer: Enqueuer, keys: IdempotencyKeys) -> None:
        self._builder = builder
        self._types = types
        self._enqueuer = enqueuer
        self._keys = keys
        self._coalescer = EnqueueCoalescer(self._enqueue_in_time)

    async def submit(self, body: bytes, idempotency_key: str | None, traceparent: str | None) -> Submission:
        """Take one task in.

        Raises:
            ApiError: it was refused; nothing of it was stored.
            StoreError: the store failed.
        """
        request = parse_task(body)
        task = self._builder.build(request, traceparent)
        await self._types.check(task.type, request.payload)
        answer = ""
        if idempotency_key is not None:
            answer = key_digest(check_key(idempotency_key, _HEADER))
            await self._claim(answer, body)
        outcome = await self._coalescer.enqueue(Enqueue(task, answer, self._label(task.type)))
        if isinstance(outcome, Enqueued):
            return Submission(task.queue, outcome)
        raise _refusal(outcome)

    async def submit_batch(
        self, body: bytes, idempotency_key: str | None, traceparent: str | None
    ) -> list[BatchResult]:
        """Take tasks in, each for itself.

        Returns:
            One result per task, in order.

        Raises:
            ApiError: the batch as a whole was refused.
            StoreError: the store failed for every task.
        """
        tasks = parse_batch(body)
        if idempotency_key is not None:
            check_key(idempotency_key, _HEADER)
        results: list[BatchResult | None] = [None] * len(tasks)
        items: list[_BatchItem] = []
        for place, raw in enumerate(tasks):
            try:
                items.append(await self._prepare(place, raw, idempotency_key, traceparent))
            except ApiError as error:
                results[place] = BatchResult.of_error(error.status, error.body)
        if idempotency_key is not None and items:
            await self._claim(key_digest(idempotency_key), body)
        for item in await self._mismatched(items):
            refusal = mismatch("idempotency_key")
            results[item.place] = BatchResult.of_error(refusal.status, refusal.body)
        items = [item for item in items if results[item.place] is None]
        outcomes = await self._enqueue_in_time([item.enqueue for item in items])
        _check_store(outcomes)
        for item, outcome in zip(items, outcomes, strict=True):
            results[item.place] = _result(item.enqueue, outcome)
        return [result for result in results if result is not None]

    async def _prepare(
        self, place: int, raw: msgspec.Raw, batch_key: str | None, traceparent: str | None
    ) -> _BatchItem:
        request = parse_batch_task(raw)
        task = self._builder.build(request, traceparent)
        await self._types.check(task.type, request.payload)
        answer, own_fingerprint = "", None
        if request.idempotency_key is not msgspec.UNSET:
            answer = key_digest(check_key(request.idempotency_key, "idempotency_key"))
            own_fingerprint = fingerprint(raw, without="idempotency_key")
        elif batch_key is not None:
            answer = item_digest(batch_key, place)
        return _BatchItem(place, Enqueue(task, answer, self._label(task.type)), own_fingerprint)

    async def _claim(self, digest: str, body: bytes) -> None:
        async with store_deadline():
            held = await self._keys.claim({digest: fingerprint(body)})
        if held:
            raise mismatch(_HEADER)

    async def _mismatched(self, items: Sequence[_BatchItem]) -> list[_BatchItem]:
        """The tasks whose own keys belong to other requests, be it an earlier task of this batch."""
        claims: dict[str, str] = {}
        for item in items:
            if item.fingerprint is not None:
                claims.setdefault(item.enqueue.answer, item.fingerprint)
        if not claims:
            return []
        async with store_deadline():
            held = await self._keys.claim(claims)
        return [
            item
            for item in items
            if item.fingerprint is not None
            and (item.enqueue.answer in held or claims[item.enqueue.answer] != item.fingerprint)
        ]

    async def _enqueue_in_time(self, requests: Sequence[Enqueue]) -> Sequence[Enqueued | Duplicate | StoreError]:
        async with store_deadline():
            return await self._enqueuer.enqueue(requests)

    def _label(self, task_type: str) -> str:
        return task_type if task_type in self._types else UNREGISTERED_LABEL


def _refusal(outcome: Duplicate | StoreError) -> ApiError | StoreError:
    return duplicate_task(outcome.task_id, outcome.by_lock) if isinstance(outcome, Duplicate) else outcome


def _check_store(outcomes: Sequence[Enqueued | Duplicate | StoreError]) -> None:
    """Fail as a whole when the store did, so that clients try again as they would with a single task."""
    if outcomes and all(isinstance(outcome, StoreUnavailable | StoreFull) for outcome in outcomes):
        raise outcomes[0]  # type: ignore[misc]  # just found to be an exception


def _result(request: Enqueue, outcome: Enqueued | Duplicate | StoreError) -> BatchResult:
    if isinstance(outcome, Enqueued):
        return BatchResult(
            status_code=201,
            task_id=outcome.task_id,
            queue=request.task.queue,
            status=outcome.state.value,  # type: ignore[arg-type]  # an enqueue leads to no other states
            replayed=True if outcome.replayed and request.answer else msgspec.UNSET,
        )
    error = _refusal(outcome)
    told = error if isinstance(error, ApiError) else from_store(error)
    return BatchResult.of_error(told.status, told.body)
