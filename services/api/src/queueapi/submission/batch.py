"""Taking many tasks in, each for itself: what is wrong with one harms no other."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from queueapi.errors import ApiError, from_store
from queueapi.schemas.parsing import parse_batch, parse_batch_task
from queueapi.schemas.requests import BatchTask
from queueapi.schemas.responses import BatchResult
from queueapi.submission.backpressure import Backpressure
from queueapi.submission.builder import TaskBuilder
from queueapi.submission.coalescer import EnqueueCall
from queueapi.submission.idempotency import HEADER, Claims, check_key, fingerprint, item_digest, mismatch
from queueapi.submission.single import refusal
from queueapi.submission.task_types import TaskTypes
from queuecore.domain.task import Task
from queuecore.errors import StoreFull, StoreUnavailable
from queuecore.observe.tracing.context import TraceTexts
from queuecore.store.tasks.enqueue import Enqueue, Enqueued, EnqueueResult
from queuecore.store.tasks.idempotency import key_digest


class _Draft(msgspec.Struct, frozen=True):
    """A task that is well formed."""

    place: int
    raw: msgspec.Raw
    request: BatchTask
    task: Task


class _Item(msgspec.Struct, frozen=True):
    """A task to enqueue."""

    place: int
    enqueue: Enqueue
    fingerprint: str | None
    """Set where the task has an idempotency key of its own."""


class BatchSubmitter:
    """Takes batches in; arguments as for :class:`~queueapi.submission.single.Submitter`, `enqueue` calls the store."""

    def __init__(
        self,
        builder: TaskBuilder,
        types: TaskTypes,
        claims: Claims,
        enqueue: EnqueueCall,
        admission: Backpressure,
    ) -> None:
        self._builder = builder
        self._types = types
        self._claims = claims
        self._enqueue = enqueue
        self._admission = admission

    async def submit(self, body: bytes, idempotency_key: str | None, origin: TraceTexts) -> list[BatchResult]:
        """Take a batch in.

        Returns:
            One result per task, in order.

        Raises:
            ApiError: the batch as a whole was refused.
            StoreError: the store failed for every task.
        """
        raws = parse_batch(body)
        if idempotency_key is not None:
            check_key(idempotency_key, HEADER)
        results: dict[int, BatchResult] = {}
        drafts = self._draft(raws, origin, results)
        await self._types.learn({draft.task.type for draft in drafts})
        items = self._admit(drafts, idempotency_key, results)
        if items and idempotency_key is not None:
            await self._claims.claim_request(idempotency_key, body)
        items = await self._claim_own_keys(items, results)
        if items:
            outcomes = await self._enqueue([item.enqueue for item in items])
            _check_store(outcomes)
            for item, outcome in zip(items, outcomes, strict=True):
                results[item.place] = _result(item.enqueue, outcome, self._admission)
        return [results[place] for place in range(len(raws))]

    def _draft(self, raws: Sequence[msgspec.Raw], origin: TraceTexts, results: dict[int, BatchResult]) -> list[_Draft]:
        """The tasks that are well formed; the results of the others."""
        drafts = []
        for place, raw in enumerate(raws):
            try:
                request = parse_batch_task(raw)
                drafts.append(_Draft(place, raw, request, self._builder.build(request, origin)))
            except ApiError as error:
                results[place] = BatchResult.of_error(error.status, error.body)
        return drafts

    def _admit(self, drafts: Sequence[_Draft], batch_key: str | None, results: dict[int, BatchResult]) -> list[_Item]:
        """The tasks whose type and payload are taken; the results of the others."""
        items = []
        for draft in drafts:
            try:
                self._types.check(draft.task.type, draft.request.payload)
                items.append(self._item(draft, batch_key))
            except ApiError as error:
                results[draft.place] = BatchResult.of_error(error.status, error.body)
        return items

    def _item(self, draft: _Draft, batch_key: str | None) -> _Item:
        own_key, answer, own_fingerprint = draft.request.idempotency_key, "", None
        if own_key is not msgspec.UNSET:
            answer = key_digest(check_key(own_key, "idempotency_key"))
            own_fingerprint = fingerprint(draft.raw, without="idempotency_key")
        elif batch_key is not None:
            answer = item_digest(batch_key, draft.place)
        label = self._types.label(draft.task.type)
        return _Item(draft.place, Enqueue(draft.task, answer, label), own_fingerprint)

    async def _claim_own_keys(self, items: Sequence[_Item], results: dict[int, BatchResult]) -> list[_Item]:
        """The tasks without keys that belong to other requests, be it an earlier task of this batch."""
        claims: dict[str, str] = {}
        for item in items:
            if item.fingerprint is not None:
                claims.setdefault(item.enqueue.idempotency_digest, item.fingerprint)
        held = await self._claims.claim(claims)
        kept = []
        for item in items:
            answer = item.enqueue.idempotency_digest
            if item.fingerprint is None or (answer not in held and claims[answer] == item.fingerprint):
                kept.append(item)
            else:
                error = mismatch("idempotency_key")
                results[item.place] = BatchResult.of_error(error.status, error.body)
        return kept


def _check_store(outcomes: Sequence[EnqueueResult]) -> None:
    """Fail as a whole when the store did, so that clients try again as they would with a single task."""
    errors = [outcome for outcome in outcomes if isinstance(outcome, StoreUnavailable | StoreFull)]
    if len(errors) == len(outcomes):
        raise errors[0]


def _result(request: Enqueue, outcome: EnqueueResult, admission: Backpressure) -> BatchResult:
    if isinstance(outcome, Enqueued):
        return BatchResult(
            status_code=201,
            task_id=outcome.task_id,
            queue=request.task.queue,
            status=outcome.state.value,  # type: ignore[arg-type]  # an enqueue leads to no other states
            replayed=True if outcome.replayed and request.idempotency_digest else msgspec.UNSET,
        )
    error = refusal(outcome, admission)
    told = error if isinstance(error, ApiError) else from_store(error)
    return BatchResult.of_error(told.status, told.body)
