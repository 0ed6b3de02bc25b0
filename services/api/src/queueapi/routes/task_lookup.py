"""Task lookup by id, with or without the queue's name."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from queueapi.errors import invalid_field
from queuecore.domain.names import check_queue_name
from queuecore.domain.task import DEFAULT_QUEUE, TaskSnapshot
from queuecore.errors import InvalidField, TaskNotFound
from queuecore.store.queues.reader import QueueReader
from queuecore.store.tasks.reader import TaskReader

MAX_LOOKUPS = 4
"""Lookups at once, because the reply of each may have megabytes; further ones wait."""


class TaskLookup:
    """Finds tasks by id."""

    def __init__(self, tasks: TaskReader, queues: QueueReader) -> None:
        self._tasks = tasks
        self._queues = queues
        self._permits = asyncio.Semaphore(MAX_LOOKUPS)

    async def find(self, task_id: str, queue: str | None) -> TaskSnapshot:
        """The task with this id.

        Args:
            task_id: the id.
            queue: the task's queue; ``None``: search the default queue, then all others.

        Raises:
            ApiError: the queue's name is invalid.
            TaskNotFound: no task has this id.
            EnvelopeError: the task is damaged.
        """
        async with self._permits:
            async for queues in self._candidates(task_id, queue):
                found = await self._tasks.find(task_id, queues)
                if found is not None:
                    return found
        raise _not_found(task_id, queue)

    async def locate(self, task_id: str, queue: str | None) -> str:
        """The queue of the task with this id, damaged or not; arguments and errors as for :meth:`find`."""
        if queue is not None:
            return checked_queue(queue)
        async for queues in self._candidates(task_id, None):
            found = await self._tasks.locate(task_id, queues)
            if found is not None:
                return found
        raise _not_found(task_id, None)

    async def _candidates(self, task_id: str, queue: str | None) -> AsyncIterator[list[str]]:
        if queue is not None:
            yield [checked_queue(queue)]
            return
        yield [DEFAULT_QUEUE]
        others = [name for name in await self._queues.names() if name != DEFAULT_QUEUE]
        if holders := await self._tasks.search(task_id, others):
            yield holders


def checked_queue(name: str) -> str:
    """Validate a queue's name, and return it.

    Raises:
        ApiError: the queue's name is invalid.
    """
    try:
        return check_queue_name(name)
    except InvalidField as error:
        raise invalid_field("INVALID_REQUEST", error) from error


def _not_found(task_id: str, queue: str | None) -> TaskNotFound:
    where = "any queue" if queue is None else f"queue {queue}"
    return TaskNotFound(f"task {task_id} does not exist in {where}")
