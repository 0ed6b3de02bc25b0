"""One task on its way through the submission pipeline."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from queueapi.errors import ApiError
from queueapi.schemas.requests import CreateTask
from queueapi.submission.idempotency_key import IdempotencyKey
from queuecore.domain.task import Task
from queuecore.errors import StoreError
from queuecore.store.tasks.enqueue import Enqueued


class Item(msgspec.Struct):
    """A task, or why it is refused. Each stage sets the fields that later stages read."""

    position: int
    """Index in the batch; 0 for a single task."""
    key: IdempotencyKey | None = None
    """The task's own idempotency key; set by decode."""
    request: CreateTask = None  # type: ignore[assignment]
    """Set by decode, dropped by validate: its objects take many times the size of the task's payload."""
    task: Task = None  # type: ignore[assignment]
    """Set by validate."""
    idempotency_digest: str = ""
    """Digest under which the store keeps the result; set by claim, empty without a key."""
    enqueued: Enqueued = None  # type: ignore[assignment]
    """Set by enqueue."""
    refusal: ApiError | StoreError | None = None
    """Set by the stage that refuses the task."""

    refused_by_store: bool = False
    """True when the store has answered that it does not accept the task; set by enqueue."""

    def refuse(self, error: ApiError) -> None:
        """Refuse the task with a caught error, whose traceback is dropped.

        The frames of a traceback refer to the item. Such a cycle would hold the request's body until a garbage
        collection, and those are rare.
        """
        error.__cause__ = error.__context__ = None
        self.refusal = error.with_traceback(None)

    def take_refusal(self) -> ApiError | StoreError:
        """The refusal of a refused item, to be raised; the item gives it up to avoid the same cycle."""
        refusal, self.refusal = self.refusal, None
        assert refusal is not None
        return refusal


def accepted(items: Iterable[Item]) -> list[Item]:
    """The items that no stage has refused so far."""
    return [item for item in items if item.refusal is None]
