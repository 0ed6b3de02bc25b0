"""What the scheduler does to keep a queue moving: promote, reclaim, expire."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from queuecore.domain.task import ARCHIVE_RETENTION_MS, ArchiveReason, Attempt, Outcome, Task
from queuecore.errors import EnvelopeError, StoreError, UnknownEnvelopeVersion
from queuecore.store.client.batch import Item, Settled, settle_items
from queuecore.store.client.server import Call, Server
from queuecore.store.scripts.loader import load_script
from queuecore.store.scripts.replies import rows
from queuecore.wire import attempt as attempt_wire
from queuecore.wire import envelope

LIMIT = 500
"""Tasks per queue and call."""


class Promotion(msgspec.Struct, frozen=True):
    """What one promotion of one queue did."""

    now_us: int
    """The server's clock, Unix time."""
    next_due_at_ms: int | None
    """When the next task is due; in the past when more are due already."""
    late_ms: list[int]
    """How late each promoted task was."""
    orphans: int


class LapsedLease(msgspec.Struct, frozen=True):
    """A task whose worker has let its lease lapse."""

    queue: str
    task_id: str
    task: Task | None
    """``None`` when the envelope cannot be read."""
    token: int
    attempt: Attempt
    """The attempt that was cut off."""
    losses: int
    """How many attempts in a row were lost before this one, but for excused ones."""
    cancel_requested: bool
    excused: int = 0
    """How many earlier attempts do not count."""

    @property
    def counted_attempt(self) -> int:
        """1 for the first attempt that counts."""
        return self.attempt.number - self.excused


class Lapses(msgspec.Struct, frozen=True):
    """The lapsed leases of one queue."""

    now_ms: int
    next_lapse_at_ms: int | None
    """When the next lease lapses unless it is renewed."""
    lapsed: list[LapsedLease]
    orphans: int
    newer: int
    """Tasks of a newer envelope version: left for a scheduler that reads it."""


class HeldTask(NamedTuple):
    """A task that a worker has leased."""

    worker: str
    queue: str
    task_id: str
    losses: int
    """How many attempts in a row were lost before this one, but for excused ones."""


class Reclaim(msgspec.Struct, frozen=True):
    """What is to become of a task whose lease lapsed."""

    lapsed: LapsedLease
    now_ms: int
    error: str
    retry_in_ms: int | None
    """``None``: the task is archived."""
    reason: ArchiveReason | None = None
    excused: bool = False
    """Whether the attempt does not count, since another task is to blame."""


class Maintenance:
    """The scheduler's verbs. Any number of schedulers may use them at once: each script is atomic."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._promote, self._lapsed, self._held, self._reclaim, self._expire = map(
            load_script, ("promote", "lapsed", "held", "reclaim", "expire")
        )

    async def promote(self, queues: Sequence[str]) -> list[Promotion | StoreError]:
        """Make the due tasks of each queue pending, up to :data:`LIMIT` scheduled ones and as many retries."""
        answers = await self._server.run_all([Call(self._promote, queue, (LIMIT,)) for queue in queues])
        return [_read_promotion(answer) for answer in answers]

    async def find_lapsed(self, queues: Sequence[str]) -> list[Lapses | StoreError]:
        """Look for lapsed leases, up to :data:`LIMIT` of each queue."""
        answers = await self._server.run_all([Call(self._lapsed, queue, (LIMIT,)) for queue in queues])
        return [_read_lapses(queue, answer) for queue, answer in zip(queues, answers, strict=True)]

    async def find_held(self, queues: Sequence[str], workers: Sequence[str]) -> list[HeldTask | StoreError]:
        """Look for what these workers hold, up to :data:`LIMIT` leases of each queue, those that lapse first."""
        answers = await self._server.run_all([Call(self._held, queue, (LIMIT, *workers)) for queue in queues])
        found: list[HeldTask | StoreError] = []
        for queue, answer in zip(queues, answers, strict=True):
            if isinstance(answer, StoreError):
                found.append(answer)
            else:
                found += [
                    HeldTask(worker.decode(), queue, task_id.decode(), losses)
                    for worker, task_id, losses in rows(answer, 3)
                ]
        return found

    async def reclaim(self, reclaims: Sequence[Reclaim]) -> list[Settled]:
        """End the attempts of lapsed leases.

        Returns:
            Per task ``DONE``, ``CANCELLED`` (archived, since its cancel was asked for) or ``STALE`` (the lease was
            renewed or settled after all, or another scheduler was faster).
        """
        return await settle_items(self._server, self._reclaim, [_reclaim_item(each) for each in reclaims])

    async def expire(self, queues: Sequence[str]) -> list[tuple[int, bool] | StoreError]:
        """Forget ended tasks whose retention is over.

        Returns:
            Per queue how many were forgotten, and whether more are due at once.
        """
        answers = await self._server.run_all([Call(self._expire, queue, (LIMIT,)) for queue in queues])
        return [answer if isinstance(answer, StoreError) else (answer[0], bool(answer[1])) for answer in answers]


def _read_promotion(answer: Any) -> Promotion | StoreError:
    if isinstance(answer, StoreError):
        return answer
    now_us, next_due, orphans, late_ms = answer
    return Promotion(now_us, None if next_due < 0 else next_due, late_ms, orphans)


def _read_lapses(queue: str, answer: Any) -> Lapses | StoreError:
    if isinstance(answer, StoreError):
        return answer
    now_ms, next_lapse, orphans, flat = answer
    lapsed, newer = [], 0
    for raw_id, data, token, number, excused, opened, losses, cancel in rows(flat, 8):
        task_id = raw_id.decode()
        try:
            task = envelope.decode(task_id, queue, data)
        except UnknownEnvelopeVersion:
            newer += 1
            continue
        except EnvelopeError:
            task = None
        attempt = _opened(number, opened, now_ms)
        lapsed.append(LapsedLease(queue, task_id, task, token, attempt, losses, bool(cancel), excused))
    return Lapses(now_ms, None if next_lapse < 0 else next_lapse, lapsed, orphans, newer)


def _opened(number: int, data: bytes, now_ms: int) -> Attempt:
    try:
        return attempt_wire.decode(number, data)
    except msgspec.MsgspecError:
        return Attempt(number=number, worker="", pod="", started_at_ms=now_ms)


def _reclaim_item(reclaim: Reclaim) -> Item:
    lapsed, opened = reclaim.lapsed, reclaim.lapsed.attempt
    closed = attempt_wire.encode_closed(
        opened.worker, opened.pod, opened.started_at_ms, reclaim.now_ms, Outcome.LOST, reclaim.error
    )
    return Item(
        lapsed.queue,
        (
            lapsed.task_id,
            lapsed.token,
            opened.number,
            closed,
            reclaim.error,
            -1 if reclaim.retry_in_ms is None else reclaim.retry_in_ms,
            int(reclaim.excused),
            reclaim.reason or "",
            ARCHIVE_RETENTION_MS,
            lapsed.task.lock_digest if lapsed.task else "",
            lapsed.task.type if lapsed.task else "unreadable",
        ),
    )
