"""What the store must hold after any sequence of operations, told with plain dicts.

The model is slow and obvious where the scripts are fast: it is what they are compared with. It knows no clock. What
the server's clock decides is either a bound (:class:`Between`) or said aloud: a task's time is ``over`` when a test
has moved it into the past.
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

LEASE_ROUNDS = 10
"""A lease call that meets nothing but orphans gives up after so many rounds."""

WAITING = (TaskState.PENDING, TaskState.SCHEDULED, TaskState.RETRY)


class Between(NamedTuple):
    """A number that the server's clock made: only its bounds are known. Both ends belong to it."""

    low: int
    high: int

    def plus(self, ms: int) -> Between:
        """The same, later."""
        return Between(self.low + ms, self.high + ms)


PAST = Between(1, 1)
"""Where a test moves what is to be over."""


@dataclass
class Held:
    """What the store holds of one task."""

    task: Task
    state: TaskState
    at: Between
    """The state's own time: entry, lease expiry, due time or expiry, ms."""
    over: bool = False
    """Whether that time has come."""
    rank: int = 0
    """Among the pending tasks of one priority, the lower goes first."""
    record: dict[str, Any] = field(default_factory=dict)
    orphaned: bool = False
    """Whether its envelope was deleted behind the store's back."""


@dataclass
class QueueModel:
    """One queue."""

    tasks: dict[str, Held] = field(default_factory=dict)
    locks: dict[str, str] = field(default_factory=dict)
    answers: dict[str, tuple[str, TaskState]] = field(default_factory=dict)
    totals: Counter[str] = field(default_factory=Counter)
    wake: bool = False
    limits: QueueLimits = field(default_factory=QueueLimits)
    bytes: int = 0
    paused: bool = False

    def in_state(self, *states: TaskState) -> list[Held]:
        """The tasks of these states; pending ones in the order in which they are leased."""
        found = [held for held in self.tasks.values() if held.state in states]
        return sorted(found, key=lambda held: (-held.task.priority, held.rank))

    def unlock(self, task: Task) -> None:
        """Free the task's lock if it holds it."""
        if self.locks.get(task.lock_digest) == task.id:
            del self.locks[task.lock_digest]

    def forget(self, task_id: str) -> None:
        """Forget a task and its bytes; those of a lost envelope stay in the sum."""
        held = self.tasks.pop(task_id)
        if not held.orphaned:
            self.bytes -= len(envelope.encode(held.task))

    def beyond_limits(self, task: Task) -> Reply | None:
        """Which limit forbids one more task."""
        if self.limits.max_depth is not None and len(self.in_state(*WAITING)) >= self.limits.max_depth:
            return Reply.TOO_DEEP
        held = self.bytes if self.tasks else 0
        too_large = self.limits.max_bytes is not None and held + len(envelope.encode(task)) > self.limits.max_bytes
        return Reply.TOO_LARGE if too_large else None

    def add(self, held: Held) -> None:
        """Add a task and its bytes. The bytes of lost envelopes count until a limit finds the queue empty."""
        if self.limits.max_bytes is not None and not self.tasks:
            self.bytes = 0
        self.tasks[held.task.id] = held
        self.bytes += len(envelope.encode(held.task))

    def drop_orphan(self, task_id: str) -> None:
        """Forget and count an id without an envelope. Its lock, whose name is lost, stays until its window ends."""
        del self.tasks[task_id]
        self.totals["orphans"] += 1


class StoreModel:
    """The whole store. Each verb does what the script of that name must do, and returns what it must answer."""

    def __init__(self) -> None:
        self.queues: dict[str, QueueModel] = defaultdict(QueueModel)
        self.tokens: Counter[tuple[str, str]] = Counter()
        """The highest token that any lease of a task had, by queue and id: for good, whatever became of the task."""
        self._ranks = count(1)

    def find(self, task: Task) -> Held | None:
        """What is held under the task's id."""
        return self.queues[task.queue].tasks.get(task.id)

    def is_current(self, lease: Lease) -> bool:
        """Whether the lease is the newest of a task that is active."""
        return self._leased(lease) is not None

    def enqueue(self, task: Task, answer: str, now: Between) -> tuple[Reply, str, TaskState | None]:
        """The reply, the id that it names and, where the task is there, the state that it names."""
        queue = self.queues[task.queue]
        if answer in queue.answers:
            return (Reply.REPLAYED, *queue.answers[answer])
        if held := queue.tasks.get(task.id):
            if envelope.encode(held.task) != envelope.encode(task):
                return Reply.DUPLICATE_ID, task.id, None
            seen = TaskState.SCHEDULED if held.state is TaskState.SCHEDULED else TaskState.PENDING
            return Reply.REPLAYED, task.id, seen
        holder = queue.tasks.get(queue.locks.get(task.lock_digest, ""))
        if holder and not holder.orphaned:
            return Reply.LOCKED, holder.task.id, None
        if beyond := queue.beyond_limits(task):
            return beyond, "", None
        due = task.process_at_ms or 0
        if due > now.high:
            held = Held(task, TaskState.SCHEDULED, Between(due, due))
        else:
            held = self._entered(Held(task, TaskState.PENDING, now), now)
            queue.wake = True
        queue.add(held)
        queue.totals[f"enqueued:{task.type}"] += 1
        if task.lock_digest:
            queue.locks[task.lock_digest] = task.id
        if answer:
            queue.answers[answer] = (task.id, held.state)
        return Reply.DONE, task.id, held.state

    def lease(self, queue_name: str, limit: int) -> tuple[list[Held], int]:
        """The tasks that a lease call must bring, in order, and how many orphans it drops.

        :meth:`begin` then begins each attempt, with what the server's clock made of it.
        """
        queue = self.queues[queue_name]
        if queue.paused:
            queue.wake = False
            return [], 0
        taken: list[Held] = []
        orphans = 0
        for _ in range(LEASE_ROUNDS):
            for held in queue.in_state(TaskState.PENDING)[: limit - len(taken)]:
                if held.orphaned:
                    queue.drop_orphan(held.task.id)
                    orphans += 1
                else:
                    held.state = TaskState.ACTIVE
                    taken.append(held)
        queue.wake = bool(queue.in_state(TaskState.PENDING))
        return taken, orphans

    def begin(self, held: Held, lease: Lease, worker: WorkerIdentity, lease_ms: int) -> None:
        """Begin the attempt of a task that was just leased."""
        number = held.record.get("attempt", 0) + 1
        lapses_at = lease.started_at_ms + lease_ms
        held.at, held.over = Between(lapses_at, lapses_at), False
        held.record |= {"token": lease.token, "attempt": number, f"a:{number}": _opened(lease, worker)}
        held.record.pop(f"a:{number - HISTORY_LENGTH}", None)
        self.tokens[held.task.queue, held.task.id] = lease.token

    def renew(self, lease: Lease, lease_ms: int, now: Between) -> Reply:
        """Renew a lease."""
        held = self._leased(lease)
        if held is None:
            return Reply.STALE
        held.at, held.over = now.plus(lease_ms), False
        return Reply.CANCELLED if "cancel" in held.record else Reply.DONE

    def progress(self, lease: Lease, data: bytes) -> Reply:
        """Report progress."""
        held = self._leased(lease)
        if held is None:
            return Reply.STALE
        held.record["progress"] = data
        return Reply.DONE

    def complete(self, success: Success, worker: WorkerIdentity, now: Between) -> Reply:
        """Complete a task, as long as nobody leased it again, ran it anew or cancelled it."""
        lease, queue = success.lease, self.queues[success.lease.task.queue]
        held = queue.tasks.get(lease.task.id)
        if held is None or held.record.get("token") != lease.token:
            return Reply.STALE
        if held.state is TaskState.COMPLETED:
            return Reply.DONE
        if held.state is TaskState.ARCHIVED and held.record.get("reason") == ArchiveReason.CANCELLED:
            return Reply.STALE
        if lease.task.retention_ms:
            held.state, held.at, held.over = TaskState.COMPLETED, now.plus(lease.task.retention_ms), False
            closed = _closed(_opened(lease, worker), lease.started_at_ms + success.run_ms, Outcome.COMPLETED, "")
            held.record |= {f"a:{lease.attempt}": closed, "ended_at": now, "result": success.result}
            for name in ("reason", "progress", "cancel"):
                held.record.pop(name, None)
        else:
            queue.forget(lease.task.id)
        queue.unlock(lease.task)
        _tally(queue, lease, Outcome.COMPLETED, success.run_ms)
        return Reply.DONE

    def fail(self, failure: Failure, worker: WorkerIdentity, now: Between) -> Reply:
        """End an attempt that failed."""
        lease, queue = failure.lease, self.queues[failure.lease.task.queue]
        held = self._leased(lease)
        if held is None:
            return Reply.STALE
        decided = Outcome.ARCHIVED if failure.retry_in_ms is None else Outcome.RETRY
        closed = _closed(_opened(lease, worker), lease.started_at_ms + failure.run_ms, decided, failure.error)
        held.record |= {f"a:{lease.attempt}": closed, "last_error": failure.error}
        held.record.pop("lost", None)
        reply = self._after_failure(held, failure.retry_in_ms, failure.reason, now)
        _tally(queue, lease, Outcome(held.state.value), failure.run_ms)
        return reply

    def release(self, lease: Lease, now: Between) -> Reply:
        """Give a lease back; the attempt has not been, and its holder is a stranger from now on."""
        queue = self.queues[lease.task.queue]
        held = self._leased(lease)
        reply = Reply.STALE
        if held and held.orphaned:
            queue.drop_orphan(lease.task.id)
            reply = Reply.NOT_FOUND
        elif held:
            del held.record[f"a:{lease.attempt}"], held.record["token"]
            held.record["attempt"] = lease.attempt - 1
            if "cancel" in held.record:
                self._archive(held, ArchiveReason.CANCELLED, now)
                reply = Reply.CANCELLED
            else:
                self._entered(held, now)
                reply = Reply.DONE
        queue.wake |= bool(queue.in_state(TaskState.PENDING))
        return reply

    def find_expired_leases(self, queue_name: str) -> tuple[list[Held], int]:
        """The tasks whose lease has lapsed, and how many orphans were dropped."""
        queue = self.queues[queue_name]
        lapsed = [held for held in queue.in_state(TaskState.ACTIVE) if held.over]
        orphans = [held for held in lapsed if held.orphaned]
        for held in orphans:
            queue.drop_orphan(held.task.id)
        return [held for held in lapsed if not held.orphaned], len(orphans)

    def reclaim(self, reclaim: Reclaim, now: Between) -> Reply:
        """End an attempt whose lease lapsed, unless it was renewed, settled or taken over since that was seen."""
        lapsed = reclaim.lease
        queue = self.queues[lapsed.queue]
        held = queue.tasks.get(lapsed.task_id)
        stale = held is None or held.state is not TaskState.ACTIVE or not held.over
        if held is None or stale or held.record["token"] != lapsed.token:
            return Reply.STALE
        number = lapsed.attempt.number
        held.record[f"a:{number}"] = _closed(lapsed.attempt, reclaim.now_ms, Outcome.LOST, reclaim.error)
        counter = "excused" if reclaim.excused else "lost"
        held.record |= {"last_error": reclaim.error, counter: held.record.get(counter, 0) + 1}
        queue.totals[f"processed:lost:{held.task.type}"] += 1
        return self._after_failure(held, reclaim.retry_in_ms, reclaim.reason, now, counts=not reclaim.excused)

    def promote(self, queue_name: str, now: Between) -> tuple[int, int]:
        """How many tasks become pending, and how many orphans are dropped."""
        queue = self.queues[queue_name]
        promoted = orphans = 0
        for state in (TaskState.SCHEDULED, TaskState.RETRY):
            due = [held for held in queue.in_state(state) if held.over]
            # Those that a test moved into the past are due at the same moment: the server goes by their ids then.
            for held in sorted(due, key=lambda held: (held.at, held.task.id)):
                if held.orphaned:
                    queue.drop_orphan(held.task.id)
                    orphans += 1
                else:
                    self._entered(held, now)
                    promoted += 1
        queue.wake |= promoted > 0
        return promoted, orphans

    def expire(self, queue_name: str) -> int:
        """How many ended tasks are forgotten."""
        queue = self.queues[queue_name]
        ended = [held for held in queue.in_state(TaskState.ARCHIVED, TaskState.COMPLETED) if held.over]
        for held in ended:
            queue.forget(held.task.id)
        return len(ended)

    def cancel(self, task: Task, now: Between) -> Reply:
        """Cancel a task."""
        held = self.find(task)
        if held is None or held.orphaned:
            return Reply.NOT_FOUND
        if held.state is TaskState.ACTIVE:
            held.record["cancel"] = 1
            return Reply.ACTIVE
        if held.state.is_final:
            return Reply.FINAL
        self._archive(held, ArchiveReason.CANCELLED, now)
        return Reply.DONE

    def delete(self, task: Task) -> Reply:
        """Delete a task."""
        held = self.find(task)
        if held is None or held.orphaned:
            return Reply.NOT_FOUND
        if held.state is TaskState.ACTIVE:
            return Reply.ACTIVE
        queue = self.queues[task.queue]
        queue.forget(task.id)
        queue.unlock(held.task)
        return Reply.DONE

    def run_now(self, task: Task, now: Between) -> Reply:
        """Make a task pending. One that had ended begins anew: what its last holder still sends is stale."""
        held = self.find(task)
        if held is None or held.orphaned:
            return Reply.NOT_FOUND
        if held.state is TaskState.ACTIVE:
            return Reply.ACTIVE
        if held.state is TaskState.PENDING:
            return Reply.DONE
        for name in ("reason", "ended_at", "cancel", "lost", "result", "progress"):
            held.record.pop(name, None)
        if held.state.is_final:
            held.record.pop("token", None)
        self._entered(held, now)
        self.queues[task.queue].wake = True
        return Reply.DONE

    def pause(self, queue_name: str, *, paused: bool) -> None:
        """Pause a queue, or let it go on."""
        queue = self.queues[queue_name]
        queue.paused = paused
        queue.wake |= not paused and bool(queue.in_state(TaskState.PENDING))

    def _leased(self, lease: Lease) -> Held | None:
        held = self.find(lease.task)
        current = held is not None and held.state is TaskState.ACTIVE and held.record["token"] == lease.token
        return held if current else None

    def _entered(self, held: Held, now: Between) -> Held:
        held.state, held.at, held.over, held.rank = TaskState.PENDING, now, False, next(self._ranks)
        return held

    def _archive(self, held: Held, reason: ArchiveReason | None, now: Between) -> None:
        held.state, held.at, held.over = TaskState.ARCHIVED, now.plus(ARCHIVE_RETENTION_MS), False
        held.record |= {"reason": reason or "", "ended_at": now}
        self.queues[held.task.queue].unlock(held.task)
        self.queues[held.task.queue].totals[f"archived:{reason or ''}"] += 1

    def _after_failure(
        self, held: Held, retry_in_ms: int | None, reason: ArchiveReason | None, now: Between, *, counts: bool = True
    ) -> Reply:
        if "cancel" in held.record:
            self._archive(held, ArchiveReason.CANCELLED, now)
            return Reply.CANCELLED
        if retry_in_ms is None:
            self._archive(held, reason, now)
        else:
            held.state, held.at, held.over = TaskState.RETRY, now.plus(retry_in_ms), retry_in_ms == 0
            if counts:
                held.record["retried"] = held.record.get("retried", 0) + 1
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
