"""Ending attempts: what a worker reports when a handler is done."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

import msgspec

from queuecore.domain.task import ARCHIVE_RETENTION_MS, ArchiveReason, Outcome
from queuecore.store.attempts.leases import Lease, UnreadableLease, WorkerIdentity
from queuecore.store.client.batch import Item, Settled, settle_items
from queuecore.store.client.server import Server
from queuecore.store.queues.totals import RUN_BUCKETS_MS, WAIT_BUCKETS_MS
from queuecore.store.scripts.loader import Argument, load_script
from queuecore.wire.attempt import encode_closed


class Success(msgspec.Struct, frozen=True):
    """The handler returned."""

    lease: Lease
    run_ms: int
    """How long it ran."""
    result: bytes = b""
    """What it returned, JSON; empty for nothing."""


class Failure(msgspec.Struct, frozen=True):
    """The handler did not succeed."""

    lease: Lease
    run_ms: int
    """How long it ran."""
    error: str
    """What went wrong, for people."""
    retry_in_ms: int | None = None
    """When to try again; ``None``: never, the task is archived."""
    reason: ArchiveReason | None = None
    """Why it is archived."""
    label: str | None = None
    """The type as metrics name it; ``None``: the task's type."""


class Settlements:
    """Settles the attempts of one worker, many per call."""

    def __init__(self, server: Server, identity: WorkerIdentity) -> None:
        self._server = server
        self._identity = identity
        self._complete, self._fail = load_script("complete"), load_script("fail")

    async def complete(self, successes: Sequence[Success]) -> list[Settled]:
        """Complete tasks.

        Returns:
            Per task ``DONE`` or ``STALE``.
        """
        return await settle_items(self._server, self._complete, [self._completed(each) for each in successes])

    async def fail(self, failures: Sequence[Failure]) -> list[Settled]:
        """Send tasks into retry or into the archive.

        Returns:
            Per task ``DONE``, ``CANCELLED`` (archived, since its cancel was asked for) or ``STALE``.
        """
        return await settle_items(self._server, self._fail, [self._failed(each) for each in failures])

    async def archive_unreadable(self, leases: Sequence[UnreadableLease]) -> list[Settled]:
        """Archive leased tasks whose envelope is damaged.

        Returns:
            Per task ``DONE``, ``CANCELLED`` or ``STALE``.
        """
        items = [
            Item(
                lease.queue,
                (
                    lease.task_id,
                    lease.token,
                    lease.attempt,
                    self._closed(lease.started_at_ms, 0, Outcome.ARCHIVED, lease.error),
                    lease.error,
                    *_decision(None, ArchiveReason.UNREADABLE),
                    "",
                    "unreadable",
                    *_timings(0, 0),
                ),
            )
            for lease in leases
        ]
        return await settle_items(self._server, self._fail, items)

    def _completed(self, success: Success) -> Item:
        lease = success.lease
        task = lease.task
        return Item(
            task.queue,
            (
                task.id,
                lease.token,
                lease.attempt,
                self._closed(lease.started_at_ms, success.run_ms, Outcome.COMPLETED, ""),
                success.result,
                task.retention_ms,
                task.lock_digest,
                task.type,
                *_timings(success.run_ms, lease.waited_ms),
            ),
        )

    def _failed(self, failure: Failure) -> Item:
        lease = failure.lease
        task = lease.task
        outcome = Outcome.ARCHIVED if failure.retry_in_ms is None else Outcome.RETRY
        return Item(
            task.queue,
            (
                task.id,
                lease.token,
                lease.attempt,
                self._closed(lease.started_at_ms, failure.run_ms, outcome, failure.error),
                failure.error,
                *_decision(failure.retry_in_ms, failure.reason),
                task.lock_digest,
                failure.label or task.type,
                *_timings(failure.run_ms, lease.waited_ms),
            ),
        )

    def _closed(self, started_at_ms: int, run_ms: int, outcome: Outcome, error: str) -> bytes:
        who = self._identity
        return encode_closed(who.worker, who.pod, started_at_ms, started_at_ms + run_ms, outcome, error)


def _decision(retry_in_ms: int | None, reason: ArchiveReason | None) -> tuple[Argument, ...]:
    return (-1 if retry_in_ms is None else retry_in_ms, reason or "", ARCHIVE_RETENTION_MS)


def _timings(run_ms: int, wait_ms: int) -> tuple[Argument, ...]:
    return (run_ms, bisect_left(RUN_BUCKETS_MS, run_ms), wait_ms, bisect_left(WAIT_BUCKETS_MS, wait_ms))
