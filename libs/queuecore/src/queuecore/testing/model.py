"""Reference model of the store: the content that it must have after any sequence of operations, in plain dicts.

The model is slow and simple where the scripts are fast, and tests compare the two. It has no clock. A time on the
server's clock is known by its :class:`Bounds`, and a due time or expiry has ``passed`` when a test has moved it into
the past.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from itertools import count
from typing import Any, NamedTuple

from queuecore.domain.state import TaskState
from queuecore.domain.task import ARCHIVE_RETENTION_MS, HISTORY_LENGTH, ArchiveReason, Attempt, Outcome, Task
from queuecore.store.attempts.leases import Lease, WorkerIdentity
from queuecore.store.attempts.maintenance import Reclaim
from queuecore.store.attempts.settlement import Failure, Success
from queuecore.store.queues.limits import QueueLimits
from queuecore.store.queues.totals import RUN_BUCKETS_MS, WAIT_BUCKETS_MS
from queuecore.store.scripts.replies import Reply
from queuecore.wire import envelope

WAITING = (TaskState.PENDING, TaskState.SCHEDULED, TaskState.RETRY)


ANSWER_BYTES = 490
"""The part of ``max_bytes`` that a stored answer uses until it expires."""


class Bounds(NamedTuple):
    """Inclusive bounds of a time that only the server's clock knows."""

    low: int
    high: int

    def plus(self, ms: int) -> Bounds:
        """The bounds of a later time."""
        return Bounds(self.low + ms, self.high + ms)


PASSED = Bounds(1, 1)
"""The time to which tests move a due time or expiry that must have passed."""


@dataclass
class StoredTask:
    """The content of the store for one task."""

    task: Task
    state: TaskState
    at: Bounds
    """The state's own time: entry, lease expiry, due time or end of retention, ms."""
    passed: bool = False
    """True when that time has passed."""
    entered: Bounds = PASSED
    """When it last became pending; a release restores it."""
    rank: int = 0
    """Order among the pending tasks of one priority, lowest first."""
    record: dict[str, Any] = field(default_factory=dict)
    orphaned: bool = False
    """True when a test has deleted its envelope."""


@dataclass
class QueueModel:
    """One queue."""

    tasks: dict[str, StoredTask] = field(default_factory=dict)
    locks: dict[str, str] = field(default_factory=dict)
    answers: dict[str, tuple[str, TaskState]] = field(default_factory=dict)
    totals: Counter[str] = field(default_factory=Counter)
    wake: bool = False
    limits: QueueLimits = field(default_factory=QueueLimits)
    bytes: int = 0
    answer_bytes: int = 0
    """The bytes of answers that have not expired."""
    paused: bool = False

    def in_state(self, *states: TaskState) -> list[StoredTask]:
        """The tasks in these states; pending ones in the order of leasing."""
        found = [stored for stored in self.tasks.values() if stored.state in states]
        return sorted(found, key=lambda stored: (-stored.task.priority, stored.rank))

    def lock_holder(self, task: Task) -> str | None:
        """The id of the task that holds the lock of ``task``; ``None`` when it is free or its holder is gone."""
        holder = self.tasks.get(self.locks.get(task.lock_digest, ""))
        return holder.task.id if holder and not holder.orphaned else None

    def unlock(self, task: Task) -> None:
        """Free the lock of the task if the task holds it."""
        if self.locks.get(task.lock_digest) == task.id:
            del self.locks[task.lock_digest]

    def delete_task(self, task_id: str) -> None:
        """Delete a task and its bytes; the bytes of a lost envelope stay in the sum."""
        stored = self.tasks.pop(task_id)
        if not stored.orphaned:
            self.bytes -= len(envelope.encode(stored.task))

    def beyond_limits(self, task: Task, answer: str) -> Reply | None:
        """The reply for a task beyond a limit; ``None`` within the limits."""
        if self.limits.max_depth is not None and len(self.in_state(*WAITING)) >= self.limits.max_depth:
            return Reply.TOO_DEEP
        if self.limits.max_bytes is None:
            return None
        held = (self.bytes if self.tasks else 0) + self.answer_bytes
        needed = len(envelope.encode(task)) + (ANSWER_BYTES if answer else 0)
        return Reply.TOO_LARGE if held + needed > self.limits.max_bytes else None

    def add(self, stored: StoredTask) -> None:
        """Add a task and its bytes. The bytes of lost envelopes count until a limit finds the queue empty."""
        if self.limits.max_bytes is not None and not self.tasks:
            self.bytes = 0
        self.tasks[stored.task.id] = stored
        self.bytes += len(envelope.encode(stored.task))

    def drop_orphan(self, task_id: str) -> None:
        """Delete and count an id without an envelope. Its lock, whose name is lost, stays until its window ends."""
        del self.tasks[task_id]
        self.totals["orphans"] += 1


class StoreModel:
    """The whole store. Each method changes it as the script of the same name must, and returns the right reply."""

    def __init__(self) -> None:
        self.queues: dict[str, QueueModel] = defaultdict(QueueModel)
        self.tokens: Counter[tuple[str, str]] = Counter()
        """The highest token of any lease of a task, by queue and id; kept after the task is deleted."""
        self._ranks = count(1)

    def find(self, task: Task) -> StoredTask | None:
        """The stored task with this id."""
        return self.queues[task.queue].tasks.get(task.id)

    def is_current(self, lease: Lease) -> bool:
        """Check for the current lease of an active task."""
        return self._leased(lease) is not None

    def enqueue(self, task: Task, answer: str, now: Bounds) -> tuple[Reply, str, TaskState | None]:
        """The reply, the id in it and, for an accepted task, the state in it."""
        queue = self.queues[task.queue]
        if answer in queue.answers:
            return (Reply.REPLAYED, *queue.answers[answer])
        if stored := queue.tasks.get(task.id):
            if envelope.encode(stored.task) != envelope.encode(task):
                return Reply.DUPLICATE_ID, task.id, None
            seen = TaskState.SCHEDULED if stored.state is TaskState.SCHEDULED else TaskState.PENDING
            return Reply.REPLAYED, task.id, seen
        if holder := queue.lock_holder(task):
            return Reply.LOCKED, holder, None
        if beyond := queue.beyond_limits(task, answer):
            return beyond, "", None
        due = task.process_at_ms or 0
        if due > now.high:
            stored = StoredTask(task, TaskState.SCHEDULED, Bounds(due, due))
        else:
            stored = self._entered(StoredTask(task, TaskState.PENDING, now), now)
            queue.wake = True
        queue.add(stored)
        queue.totals[f"enqueued:{task.type}"] += 1
        if task.lock_digest:
            queue.locks[task.lock_digest] = task.id
        if answer:
            queue.answers[answer] = (task.id, stored.state)
            queue.answer_bytes += ANSWER_BYTES
        return Reply.DONE, task.id, stored.state

    def lease(self, queue_name: str, limit: int) -> tuple[list[StoredTask], int]:
        """The tasks that a lease call must return, in order, and the number of orphans that it drops.

        :meth:`begin` then begins each attempt, with the times of the real lease.
        """
        queue = self.queues[queue_name]
        if queue.paused:
            queue.wake = False
            return [], 0
        taken: list[StoredTask] = []
        orphans = 0
        # The first `limit` entries are examined at once, those that replace dropped ones in turn.
        for place, stored in enumerate(queue.in_state(TaskState.PENDING)):
            if place >= limit and len(taken) == limit:
                break
            if stored.orphaned:
                queue.drop_orphan(stored.task.id)
                orphans += 1
            else:
                stored.state = TaskState.ACTIVE
                taken.append(stored)
        queue.wake = bool(queue.in_state(TaskState.PENDING))
        return taken, orphans

    def begin(self, stored: StoredTask, lease: Lease, worker: WorkerIdentity, lease_ms: int) -> None:
        """Begin the attempt of a leased task."""
        number = stored.record.get("attempt", 0) + 1
        expires_at = lease.started_at_ms + lease_ms
        stored.at, stored.passed = Bounds(expires_at, expires_at), False
        stored.record |= {"token": lease.token, "attempt": number, f"a:{number}": _opened(lease, worker)}
        stored.record.pop(f"a:{number - HISTORY_LENGTH}", None)
        self.tokens[stored.task.queue, stored.task.id] = lease.token

    def renew(self, lease: Lease, lease_ms: int, now: Bounds) -> Reply:
        """Renew a lease."""
        stored = self._leased(lease)
        if stored is None:
            return Reply.STALE
        stored.at, stored.passed = now.plus(lease_ms), False
        stored.record["confirmed"] = lease.token
        return Reply.CANCELLED if "cancel" in stored.record else Reply.DONE

    def progress(self, lease: Lease, data: bytes) -> Reply:
        """Report progress."""
        stored = self._leased(lease)
        if stored is None:
            return Reply.STALE
        stored.record |= {"progress": data, "confirmed": lease.token}
        return Reply.DONE

    def complete(self, success: Success, worker: WorkerIdentity, now: Bounds) -> Reply:
        """Complete a task, unless it was leased again, run again or cancelled."""
        lease, queue = success.lease, self.queues[success.lease.task.queue]
        stored = queue.tasks.get(lease.task.id)
        if stored is None or stored.record.get("token") != lease.token:
            return Reply.STALE
        if stored.state is TaskState.COMPLETED:
            return Reply.DONE
        if stored.state is TaskState.ARCHIVED and stored.record.get("reason") == ArchiveReason.CANCELLED:
            return Reply.STALE
        if stored.state is not TaskState.ACTIVE:
            queue.totals[f"late:{stored.state}:{lease.task.type}"] += 1
        if lease.task.retention_ms:
            if stored.state is not TaskState.ACTIVE:
                stored.record.pop("last_error", None)
            stored.state, stored.at, stored.passed = TaskState.COMPLETED, now.plus(lease.task.retention_ms), False
            closed = _closed(_opened(lease, worker), lease.started_at_ms + success.run_ms, Outcome.COMPLETED, "")
            stored.record |= {f"a:{lease.attempt}": closed, "ended_at": now, "result": success.result}
            for name in ("reason", "progress", "cancel", "confirmed"):
                stored.record.pop(name, None)
        else:
            queue.delete_task(lease.task.id)
        queue.unlock(lease.task)
        _tally(queue, lease, Outcome.COMPLETED, success.run_ms)
        return Reply.DONE

    def fail(self, failure: Failure, worker: WorkerIdentity, now: Bounds) -> Reply:
        """End an attempt that failed."""
        lease, queue = failure.lease, self.queues[failure.lease.task.queue]
        stored = self._leased(lease)
        if stored is None:
            return Reply.STALE
        decided = Outcome.ARCHIVED if failure.retry_in_ms is None else Outcome.RETRY
        closed = _closed(_opened(lease, worker), lease.started_at_ms + failure.run_ms, decided, failure.error)
        stored.record |= {f"a:{lease.attempt}": closed, "last_error": failure.error}
        for name in ("lost", "confirmed"):
            stored.record.pop(name, None)
        reply = self._after_failure(stored, failure.retry_in_ms, failure.reason, now)
        _tally(queue, lease, Outcome(stored.state.value), failure.run_ms)
        return reply

    def release(self, lease: Lease, now: Bounds) -> Reply:
        """Release a lease: the attempt is removed, and later calls with its token are stale."""
        queue = self.queues[lease.task.queue]
        stored = self._leased(lease)
        reply = Reply.STALE
        if stored and stored.orphaned:
            queue.drop_orphan(lease.task.id)
            reply = Reply.NOT_FOUND
        elif stored:
            del stored.record[f"a:{lease.attempt}"]
            stored.record["token"] += 1
            stored.record.pop("confirmed", None)
            stored.record["attempt"] = lease.attempt - 1
            if "cancel" in stored.record:
                self._archive(stored, ArchiveReason.CANCELLED, now)
                reply = Reply.CANCELLED
            else:
                stored.state, stored.at, stored.passed = TaskState.PENDING, stored.entered, False
                reply = Reply.DONE
        queue.wake |= bool(queue.in_state(TaskState.PENDING))
        return reply

    def find_expired_leases(self, queue_name: str) -> tuple[list[StoredTask], int]:
        """The tasks whose lease has expired, and the number of dropped orphans."""
        queue = self.queues[queue_name]
        expired = [stored for stored in queue.in_state(TaskState.ACTIVE) if stored.passed]
        orphans = [stored for stored in expired if stored.orphaned]
        for stored in orphans:
            queue.drop_orphan(stored.task.id)
        return [stored for stored in expired if not stored.orphaned], len(orphans)

    def reclaim(self, reclaim: Reclaim, now: Bounds) -> Reply:
        """End an attempt whose lease expired, unless it was renewed, settled or replaced meanwhile."""
        expired = reclaim.lease
        queue = self.queues[expired.queue]
        stored = queue.tasks.get(expired.task_id)
        stale = stored is None or stored.state is not TaskState.ACTIVE or not stored.passed
        if stored is None or stale or stored.record["token"] != expired.token:
            return Reply.STALE
        number = expired.attempt.number
        stored.record[f"a:{number}"] = _closed(expired.attempt, reclaim.now_ms, Outcome.LOST, reclaim.error)
        stored.record["last_error"] = reclaim.error
        for counter, counts in (("excused", reclaim.excused), ("lost", reclaim.suspected)):
            if counts:
                stored.record[counter] = stored.record.get(counter, 0) + 1
        queue.totals[f"processed:lost:{stored.task.type}"] += 1
        return self._after_failure(stored, reclaim.retry_in_ms, reclaim.reason, now, counts=not reclaim.excused)

    def promote(self, queue_name: str, now: Bounds) -> tuple[int, int]:
        """The number of promoted tasks and of dropped orphans."""
        queue = self.queues[queue_name]
        promoted = orphans = 0
        for state in (TaskState.SCHEDULED, TaskState.RETRY):
            due = [stored for stored in queue.in_state(state) if stored.passed]
            # Tasks that a test moved into the past are due at the same time; the server orders them by id.
            for stored in sorted(due, key=lambda stored: (stored.at, stored.task.id)):
                if stored.orphaned:
                    queue.drop_orphan(stored.task.id)
                    orphans += 1
                else:
                    self._entered(stored, now)
                    promoted += 1
        queue.wake |= promoted > 0
        return promoted, orphans

    def expire(self, queue_name: str) -> int:
        """The number of expired tasks that are deleted."""
        queue = self.queues[queue_name]
        ended = [stored for stored in queue.in_state(TaskState.ARCHIVED, TaskState.COMPLETED) if stored.passed]
        for stored in ended:
            queue.delete_task(stored.task.id)
        return len(ended)

    def cancel(self, task: Task, now: Bounds) -> Reply:
        """Cancel a task."""
        stored = self.find(task)
        if stored is None or stored.orphaned:
            return Reply.NOT_FOUND
        if stored.state is TaskState.ACTIVE:
            stored.record["cancel"] = 1
            return Reply.ACTIVE
        if stored.state.is_final:
            return Reply.FINAL
        self._archive(stored, ArchiveReason.CANCELLED, now)
        return Reply.DONE

    def delete(self, task: Task) -> Reply:
        """Delete a task."""
        stored = self.find(task)
        if stored is None or stored.orphaned:
            return Reply.NOT_FOUND
        if stored.state is TaskState.ACTIVE:
            return Reply.ACTIVE
        queue = self.queues[task.queue]
        queue.delete_task(task.id)
        queue.unlock(stored.task)
        return Reply.DONE

    def run_now(self, task: Task, now: Bounds) -> Reply:
        """Make a task pending. For an ended task, late calls of its last attempt are stale."""
        stored = self.find(task)
        if stored is None or stored.orphaned:
            return Reply.NOT_FOUND
        if stored.state is TaskState.ACTIVE:
            return Reply.ACTIVE
        if stored.state is TaskState.PENDING:
            return Reply.DONE
        if self.queues[task.queue].lock_holder(stored.task) not in (None, task.id):
            return Reply.LOCKED
        if stored.task.lock_digest:
            self.queues[task.queue].locks[stored.task.lock_digest] = task.id
        for name in ("reason", "ended_at", "cancel", "lost", "result", "progress"):
            stored.record.pop(name, None)
        if stored.state.is_final and "token" in stored.record:
            stored.record["token"] += 1
        self._entered(stored, now)
        self.queues[task.queue].wake = True
        return Reply.DONE

    def pause(self, queue_name: str, *, paused: bool) -> None:
        """Pause or resume a queue."""
        queue = self.queues[queue_name]
        queue.paused = paused
        queue.wake |= not paused and bool(queue.in_state(TaskState.PENDING))

    def _leased(self, lease: Lease) -> StoredTask | None:
        stored = self.find(lease.task)
        current = stored is not None and stored.state is TaskState.ACTIVE and stored.record["token"] == lease.token
        return stored if current else None

    def _entered(self, stored: StoredTask, now: Bounds) -> StoredTask:
        stored.state, stored.at, stored.passed, stored.rank = TaskState.PENDING, now, False, next(self._ranks)
        stored.entered = now
        return stored

    def _archive(self, stored: StoredTask, reason: ArchiveReason | None, now: Bounds) -> None:
        stored.state, stored.at, stored.passed = TaskState.ARCHIVED, now.plus(ARCHIVE_RETENTION_MS), False
        stored.record |= {"reason": reason or "", "ended_at": now}
        self.queues[stored.task.queue].unlock(stored.task)
        self.queues[stored.task.queue].totals[f"archived:{reason or ''}"] += 1

    def _after_failure(
        self,
        stored: StoredTask,
        retry_in_ms: int | None,
        reason: ArchiveReason | None,
        now: Bounds,
        *,
        counts: bool = True,
    ) -> Reply:
        if "cancel" in stored.record:
            self._archive(stored, ArchiveReason.CANCELLED, now)
            return Reply.CANCELLED
        if retry_in_ms is None:
            self._archive(stored, reason, now)
        else:
            stored.state, stored.at, stored.passed = TaskState.RETRY, now.plus(retry_in_ms), retry_in_ms == 0
            if counts:
                stored.record["retried"] = stored.record.get("retried", 0) + 1
        return Reply.DONE


def _opened(lease: Lease, worker: WorkerIdentity) -> Attempt:
    return Attempt(number=lease.attempt, worker=worker.worker, pod=worker.pod, started_at_ms=lease.started_at_ms)


def _closed(opened: Attempt, ended_at_ms: int, outcome: Outcome, error: str) -> Attempt:
    return Attempt(
        number=opened.number,
        worker=opened.worker,
        pod=opened.pod,
        started_at_ms=opened.started_at_ms,
        ended_at_ms=ended_at_ms,
        outcome=outcome,
        error=error,
    )


def _tally(queue: QueueModel, lease: Lease, outcome: Outcome, run_ms: int) -> None:
    label = lease.task.type
    queue.totals[f"processed:{outcome}:{label}"] += 1
    queue.totals[f"run_ms:{label}"] += run_ms
    queue.totals[f"run:{_bucket(RUN_BUCKETS_MS, run_ms)}:{label}"] += 1
    queue.totals[f"wait_ms:{label}"] += lease.waited_ms
    queue.totals[f"wait:{_bucket(WAIT_BUCKETS_MS, lease.waited_ms)}:{label}"] += 1


def _bucket(bounds: tuple[int, ...], value: int) -> int:
    return next((place for place, bound in enumerate(bounds) if value <= bound), len(bounds))
