"""Settlement: the end of an attempt as its worker reports it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

import msgspec

from queuecore.domain.task import ArchiveReason, Outcome, default_archive_retention
from queuecore.store.attempts.leases import Lease, UnreadableLease, WorkerIdentity
from queuecore.store.client.batch import settle_items
from queuecore.store.client.server import Server
from queuecore.store.queues.totals import RUN_BUCKETS_MS, WAIT_BUCKETS_MS
from queuecore.store.result import Result
from queuecore.store.scripts import calls
from queuecore.store.scripts.calls import CompleteItem, FailItem
from queuecore.store.scripts.replies import Reply
from queuecore.wire.attempt import encode_closed

MAX_RETRY_DELAY_MS = 100 * 365 * 24 * 60 * 60_000
"""The longest delay of a retry, a hundred years: every due time can be written as a timestamp."""
NO_RETRY = -1
"""The delay by which scripts know that the task is archived."""


class Success(msgspec.Struct, frozen=True):
    """The handler returned."""

    lease: Lease
    run_ms: int
    """The run time."""
    result: bytes = b""
    """Its return value, JSON; empty for none."""


class Failure(msgspec.Struct, frozen=True):
    """The handler did not succeed."""

    lease: Lease
    run_ms: int
    """The run time."""
    error: str
    """The error, for people."""
    retry_in_ms: int | None = None
    """The delay before the retry; ``None``: the task is archived."""
    reason: ArchiveReason | None = None
    """Why it is archived."""
    label: str | None = None
    """The task type in metrics; ``None``: the task's type."""


class Settlements:
    """Settles the attempts of one worker, many per call."""

    def __init__(self, server: Server, identity: WorkerIdentity) -> None:
        self._server = server
        self._identity = identity

    async def complete(self, successes: Sequence[Success]) -> list[Result[Reply]]:
        """Complete tasks.

        Returns:
            Per task ``DONE`` or ``STALE``.
        """
        return await settle_items(
            self._server, [self._complete_item(each) for each in successes], calls.complete, _result_size
        )

    async def fail(self, failures: Sequence[Failure]) -> list[Result[Reply]]:
        """Schedule retries of failed tasks, or archive them.

        Returns:
            Per task ``DONE``, ``CANCELLED`` (archived because of a cancellation) or ``STALE``.
        """
        return await settle_items(self._server, [self._fail_item(each) for each in failures], calls.fail, _error_size)

    async def archive_unreadable(self, leases: Sequence[UnreadableLease]) -> list[Result[Reply]]:
        """Archive leased tasks whose envelope is damaged.

        Returns:
            Per task ``DONE``, ``CANCELLED`` or ``STALE``.
        """
        return await settle_items(
            self._server, [self._unreadable_item(each) for each in leases], calls.fail, _error_size
        )

    def _complete_item(self, success: Success) -> CompleteItem:
        lease = success.lease
        task = lease.task
        wait_ms = lease.waited_ms
        return CompleteItem(
            queue=task.queue,
            task_id=task.id,
            token=lease.token,
            attempt=lease.attempt,
            closed=self._closed(lease.started_at_ms, success.run_ms, Outcome.COMPLETED, ""),
            result=success.result,
            retention_ms=task.retention_ms,
            lock=task.lock_digest,
            label=task.type,
            run_ms=success.run_ms,
            run_bucket=_run_bucket(success.run_ms),
            wait_ms=wait_ms,
            wait_bucket=_wait_bucket(wait_ms),
        )

    def _fail_item(self, failure: Failure) -> FailItem:
        lease = failure.lease
        task = lease.task
        wait_ms = lease.waited_ms
        outcome = Outcome.ARCHIVED if failure.retry_in_ms is None else Outcome.RETRY
        return FailItem(
            queue=task.queue,
            task_id=task.id,
            token=lease.token,
            attempt=lease.attempt,
            closed=self._closed(lease.started_at_ms, failure.run_ms, outcome, failure.error),
            error=failure.error,
            delay_ms=NO_RETRY if failure.retry_in_ms is None else min(failure.retry_in_ms, MAX_RETRY_DELAY_MS),
            reason=failure.reason or "",
            retention_ms=task.archive_retention_argument,
            lock=task.lock_digest,
            label=failure.label or task.type,
            run_ms=failure.run_ms,
            run_bucket=_run_bucket(failure.run_ms),
            wait_ms=wait_ms,
            wait_bucket=_wait_bucket(wait_ms),
        )

    def _unreadable_item(self, lease: UnreadableLease) -> FailItem:
        return FailItem(
            queue=lease.queue,
            task_id=lease.task_id,
            token=lease.token,
            attempt=lease.attempt,
            closed=self._closed(lease.started_at_ms, 0, Outcome.ARCHIVED, lease.error),
            error=lease.error,
            delay_ms=NO_RETRY,
            reason=ArchiveReason.UNREADABLE,
            retention_ms=default_archive_retention(),
            lock="",
            label="unreadable",
            run_ms=0,
            run_bucket=_run_bucket(0),
            wait_ms=0,
            wait_bucket=_wait_bucket(0),
        )

    def _closed(self, started_at_ms: int, run_ms: int, outcome: Outcome, error: str) -> bytes:
        who = self._identity
        return encode_closed(who.worker, who.pod, started_at_ms, started_at_ms + run_ms, outcome, error)


def _result_size(item: CompleteItem) -> int:
    return len(item.result)


def _error_size(item: FailItem) -> int:
    return len(item.error)


def _run_bucket(run_ms: int) -> int:
    return bisect_left(RUN_BUCKETS_MS, run_ms)


def _wait_bucket(wait_ms: int) -> int:
    return bisect_left(WAIT_BUCKETS_MS, wait_ms)
