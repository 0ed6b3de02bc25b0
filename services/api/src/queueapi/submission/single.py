"""Taking a task in: check, claim, enqueue."""

from __future__ import annotations

from typing import NamedTuple

from queueapi.errors import ApiError, duplicate_task
from queueapi.schemas.parsing import parse_task
from queueapi.submission.backpressure import Backpressure
from queueapi.submission.builder import TaskBuilder
from queueapi.submission.coalescer import SendCall
from queueapi.submission.idempotency import Claims
from queueapi.submission.task_types import TaskTypes
from queuecore.errors import StoreError
from queuecore.observe.tracing.context import TraceTexts
from queuecore.store.tasks.enqueue import Duplicate, Enqueue, Enqueued, QueueFull


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
        send: hands a task to the store.
        admission: says when to come again.
    """

    def __init__(
        self,
        builder: TaskBuilder,
        types: TaskTypes,
        claims: Claims,
        send: SendCall,
        admission: Backpressure,
    ) -> None:
        self._builder = builder
        self._types = types
        self._claims = claims
        self._send = send
        self._admission = admission

    async def submit(self, body: bytes, idempotency_key: str | None, origin: TraceTexts) -> Submission:
        """Take one task in.

        Raises:
            ApiError: it was refused.
            StoreError: the store failed.
        """
        request = parse_task(body)
        task = self._builder.build(request, origin)
        if task.type not in self._types:
            await self._types.learn((task.type,))
        self._types.check(task.type, request.payload)
        answer = "" if idempotency_key is None else await self._claims.claim_request(idempotency_key, body)
        outcome = await self._send(Enqueue(task, answer, self._types.label(task.type)))
        if isinstance(outcome, Enqueued):
            return Submission(task.queue, outcome)
        raise refusal(outcome, self._admission)


def refusal(outcome: Duplicate | QueueFull | StoreError, admission: Backpressure) -> ApiError | StoreError:
    """Why the store took a task not."""
    match outcome:
        case Duplicate():
            return duplicate_task(outcome.task_id, outcome.by_lock)
        case QueueFull():
            return admission.refusal(outcome)
    return outcome
