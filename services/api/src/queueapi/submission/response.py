"""The responses to submissions: 201 for a created task, 200 with one result per task for a batch."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from queueapi.errors import ApiError, from_store
from queueapi.http.response import JsonResponse, encode, json_response
from queueapi.schemas.responses import BatchCreated, BatchResult, TaskCreated
from queueapi.submission.idempotency_key import REPLAYED_HEADER
from queueapi.submission.item import Item, accepted

_REPLAYED = {REPLAYED_HEADER: "true"}


def respond_task(item: Item) -> JsonResponse:
    """The response for a single task.

    Raises:
        ApiError: the task was refused.
        StoreError: the store failed.
    """
    if item.refusal is not None:
        raise item.take_refusal()
    enqueued = item.enqueued
    created = TaskCreated(enqueued.task_id, item.task.queue, enqueued.state.value)  # type: ignore[arg-type]  # as below
    replayed = enqueued.replayed and item.key is not None
    return JsonResponse(encode(created), 201, _REPLAYED if replayed else None)


def respond_batch(items: Sequence[Item], *, has_key: bool) -> JsonResponse:
    """The response for a batch, which counts as replayed when all of its created tasks are.

    Args:
        items: the tasks in the order of the request.
        has_key: whether the batch as a whole carries an idempotency key.
    """
    created = accepted(items)
    replayed = has_key and bool(created) and all(item.enqueued.replayed for item in created)
    body = BatchCreated(len(created), len(items) - len(created), [_result(item) for item in items])
    return json_response(body, 200, _REPLAYED if replayed else None)


def _result(item: Item) -> BatchResult:
    if item.refusal is not None:
        error = item.refusal if isinstance(item.refusal, ApiError) else from_store(item.refusal)
        return BatchResult.of_error(error.status, error.body)
    enqueued = item.enqueued
    return BatchResult(
        status_code=201,
        task_id=enqueued.task_id,
        queue=item.task.queue,
        status=enqueued.state.value,  # type: ignore[arg-type]  # an enqueue leads to pending or scheduled only
        replayed=True if enqueued.replayed and item.idempotency_digest else msgspec.UNSET,
    )
