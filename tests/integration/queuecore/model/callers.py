"""Steps of callers: enqueue, find, cancel, delete, run now, limit, pause."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from queuecore.domain.state import TaskState
from queuecore.domain.task import Task
from queuecore.errors import TaskActive, TaskNotCancellable, TaskNotFound, UniqueLockTaken
from queuecore.store.queues.limits import QueueLimits
from queuecore.store.scripts.replies import Reply
from queuecore.store.tasks.enqueue import Duplicate, Enqueue, Enqueued, QueueFull
from queuecore.testing.model import ANSWER_BYTES
from tests.integration.queuecore.model.choices import QUEUES, made_tasks, queues, tasks
from tests.integration.queuecore.model.driven_store import DrivenStore

ENOUGH_TASKS = 6
"""Tasks in the store beyond which no step enqueues more."""

queue_limits = st.builds(
    QueueLimits, st.sampled_from((None, None, 0, 1, 3)), st.sampled_from((None, None, 0, 100, ANSWER_BYTES + 100))
)
answer_digests = st.sampled_from(("", "", "", "k"))


class Callers(DrivenStore):
    """Enqueues new and known tasks, and runs every operation on them."""

    @precondition(lambda self: len(self.known_tasks()) < ENOUGH_TASKS)
    @rule(made=st.lists(st.tuples(made_tasks(), answer_digests), min_size=1, max_size=4))
    def enqueue(self, made: list[tuple[Task, str]]) -> None:
        # An id whose envelope was lost is not reused before the store has dropped it: see the guarantees.
        requests = [Enqueue(task, answer) for task, answer in made if not self._is_orphan(task)]
        answers, now = self.timed(self.store.enqueuer.enqueue(requests))
        right = [self.model.enqueue(request.task, request.idempotency_digest, now) for request in requests]
        assert [_enqueue_reply(answer) for answer in answers] == right
        self.tasks += [request.task for request in requests]

    @rule(queue=queues, limits=queue_limits)
    def limit_queue(self, queue: str, limits: QueueLimits) -> None:
        self.run(self.store.queue_control.limit(queue, limits))
        self.model.queues[queue].limits = limits

    @rule(queue=queues, paused=st.sampled_from((False, False, True)))
    def pause_queue(self, queue: str, paused: bool) -> None:
        control = self.store.queue_control
        self.run(control.pause(queue) if paused else control.resume(queue))
        self.model.pause(queue, paused=paused)

    @precondition(lambda self: bool(self.tasks))
    @rule(verb=st.sampled_from(("cancel", "delete", "run_now", "find", "enqueue_again")), task=tasks)
    def ask(self, verb: str, task: Task) -> None:
        getattr(self, f"_{verb}")(task)

    def _enqueue_again(self, task: Task) -> None:
        self.enqueue([(task, "")])

    def _cancel(self, task: Task) -> None:
        reply, now = self.timed(_reply_of(self.store.control.cancel(task.queue, task.id)))
        assert reply == self.model.cancel(task, now)

    def _delete(self, task: Task) -> None:
        reply, _ = self.timed(_reply_of(self.store.control.delete(task.queue, task.id)))
        assert reply == self.model.delete(task)

    def _run_now(self, task: Task) -> None:
        reply, now = self.timed(_reply_of(self.store.control.run_now(task.queue, task.id)))
        assert reply == self.model.run_now(task, now)

    def _find(self, task: Task) -> None:
        stored = self.model.find(task)
        found = self.run(self.store.reader.find(task.id, [task.queue]))
        if stored is None or stored.orphaned:
            assert found is None
        else:
            assert found is not None
            assert (found.task, found.state) == (stored.task, stored.state)
            assert found.cancel_requested == ("cancel" in stored.record)

    @precondition(lambda self: bool(self.tasks))
    @rule()
    def count_tasks(self) -> None:
        for stats in self.run(self.store.queues.stats(QUEUES)):
            queue = self.model.queues[stats.queue]
            used = max(0, queue.bytes) + queue.answer_bytes
            assert (stats.limits, stats.bytes, stats.paused) == (queue.limits, used, queue.paused)
            assert stats.counts == {state: len(queue.in_state(state)) for state in TaskState}
            assert stats.totals.orphans == queue.totals["orphans"]

    def _is_orphan(self, task: Task) -> bool:
        stored = self.model.find(task)
        return stored is not None and stored.orphaned


def _enqueue_reply(answer: object) -> tuple[Reply, str, TaskState | None]:
    if isinstance(answer, Enqueued):
        return (Reply.REPLAYED if answer.replayed else Reply.DONE, answer.task_id, answer.state)
    if isinstance(answer, QueueFull):
        return (Reply.TOO_DEEP if answer.limit == "max_depth" else Reply.TOO_LARGE, "", None)
    assert isinstance(answer, Duplicate), answer
    return (Reply.LOCKED if answer.by_lock else Reply.DUPLICATE_ID, answer.task_id, None)


async def _reply_of(verb: Coroutine[Any, Any, TaskState | None]) -> Reply:
    try:
        return Reply.ACTIVE if await verb is TaskState.ACTIVE else Reply.DONE
    except TaskNotFound:
        return Reply.NOT_FOUND
    except TaskActive:
        return Reply.ACTIVE
    except UniqueLockTaken:
        return Reply.LOCKED
    except TaskNotCancellable:
        return Reply.FINAL
