"""Operations on a task after its enqueue: cancel, delete, run now."""

from __future__ import annotations

from queuecore.domain.state import TaskState
from queuecore.domain.task import Task, default_archive_retention
from queuecore.errors import EnvelopeError, KeyDamaged, TaskActive, TaskNotCancellable, TaskNotFound, UniqueLockTaken
from queuecore.store.client.server import Server
from queuecore.store.scripts import calls
from queuecore.store.scripts.keys import envelope_key, queue_keys
from queuecore.store.scripts.replies import Reply
from queuecore.wire import envelope


class TaskControl:
    """Cancels, deletes and runs single tasks."""

    def __init__(self, server: Server) -> None:
        self._server = server

    async def cancel(self, queue: str, task_id: str) -> TaskState:
        """Cancel a task for good.

        Returns:
            ``ARCHIVED`` when the task is cancelled; ``ACTIVE`` when it runs and its worker was notified.

        Raises:
            TaskNotFound: the queue has no such task.
            TaskNotCancellable: the task has ended.
        """
        task = await self._read(queue, task_id)
        retention = task.archive_retention_argument if task else default_archive_retention()
        lock = task.lock_digest if task else ""
        reply = await self._server.run(calls.cancel(queue, task_id=task_id, retention_ms=retention, lock=lock))
        if reply == Reply.FINAL:
            raise TaskNotCancellable(f"task {task_id} has ended")
        _check_found(reply, task_id)
        return TaskState.ACTIVE if reply == Reply.ACTIVE else TaskState.ARCHIVED

    async def delete(self, queue: str, task_id: str) -> None:
        """Delete a task that is not running, with its record and its unique lock.

        Raises:
            TaskNotFound: the queue has no such task.
            TaskActive: the task is running.
        """
        task = await self._read(queue, task_id)
        reply = await self._server.run(calls.delete(queue, task_id=task_id, lock=task.lock_digest if task else ""))
        _check_found(reply, task_id)
        _check_idle(reply, task_id)

    async def run_now(self, queue: str, task_id: str) -> None:
        """Make a waiting or ended task pending at once. An ended one gets one more attempt.

        A task with a unique lock holds it afterwards: for a whole window if the lock was free, because its former
        window has ended or the task had.

        Raises:
            TaskNotFound: the queue has no such task.
            TaskActive: the task is running.
            UniqueLockTaken: another task holds the lock.
        """
        task = await self._read(queue, task_id)
        unique = task.unique if task else None
        reply, holder = await self._server.run(
            calls.run_now(
                queue,
                task_id=task_id,
                lock=unique.digest if unique else "",
                window_ms=unique.window_ms if unique else 0,
            )
        )
        _check_found(reply, task_id)
        _check_idle(reply, task_id)
        if reply == Reply.LOCKED:
            raise UniqueLockTaken(holder.decode(errors="replace"))

    async def _read(self, queue: str, task_id: str) -> Task | None:
        """The task; ``None`` when it is damaged. Envelopes are immutable, so reading it before the change is safe."""
        try:
            data = await self._server.command("GET", envelope_key(queue_keys(queue), task_id))
            if data is None:
                raise TaskNotFound(f"task {task_id} does not exist in queue {queue}")
            return envelope.decode(task_id, queue, data)
        except (EnvelopeError, KeyDamaged):
            return None


def _check_found(reply: int, task_id: str) -> None:
    if reply == Reply.NOT_FOUND:
        raise TaskNotFound(f"task {task_id} does not exist")


def _check_idle(reply: int, task_id: str) -> None:
    if reply == Reply.ACTIVE:
        raise TaskActive(f"task {task_id} is running")
