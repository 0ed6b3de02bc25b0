"""Taking a task in: check, claim, enqueue."""

from __future__ import annotations

from typing import NamedTuple

from queueapi.coalescer import EnqueueCall, EnqueueCoalescer
from queueapi.errors import ApiError, duplicate_task
from queueapi.idempotency import Claims
from queueapi.parsing import parse_task
from queueapi.task_building import TaskBuilder
from queueapi.type_registry import TypeRegistry
from queuecore.errors import StoreError
from queuecore.store.enqueue import Duplicate, Enqueue, Enqueued


class Submission(NamedTuple):
    """A task that was taken in."""

    queue: str
    enqueued: Enqueued


class Submitter:
    """Takes single tasks in.

    Args:
        builder: makes tasks of requests.
        types: knows which are taken.
        claims: claims idempotency keys.
        enqueue: the store's call; tasks that come at the same time share one.
    """

    def __init__(self, builder: TaskBuilder, types: TypeRegistry, claims: Claims, enqueue: EnqueueCall) -> None:
        self._builder = builder
        self._types = types
        self._claims = claims
        self._coalescer = EnqueueCoalescer(enqueue)

    async def submit(self, body: bytes, idempotency_key: str | None, traceparent: str | None) -> Submission:
        """Take one task in.

        Raises:
            ApiError: it was refused.
            StoreError: the store failed.
        """
        request = parse_task(body)
        task = self._builder.build(request, traceparent)
        if task.type not in self._types:
            await self._types.learn((task.type,))
        self._types.check(task.type, request.payload)
        answer = "" if idempotency_key is None else await self._claims.claim_request(idempotency_key, body)
        outcome = await self._coalescer.enqueue(Enqueue(task, answer, self._types.label(task.type)))
        if isinstance(outcome, Enqueued):
            return Submission(task.queue, outcome)
        raise refusal(outcome)


def refusal(outcome: Duplicate | StoreError) -> ApiError | StoreError:
    """Why the store took a task not."""
    return duplicate_task(outcome.task_id, outcome.by_lock) if isinstance(outcome, Duplicate) else outcome
