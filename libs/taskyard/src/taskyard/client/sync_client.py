"""The client for plain functions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import TracebackType
from typing import Self, cast

from typing_extensions import TypeVar

from taskyard.client.batch import Batch
from taskyard.client.connection import DEFAULT_TIMEOUT, choose_token, choose_url, limit_of, seconds_of
from taskyard.client.core import operations
from taskyard.client.core.answers import Created
from taskyard.client.core.batches import chunks, enqueue_chunk
from taskyard.client.core.call import Steps
from taskyard.client.core.exchange import Environment
from taskyard.client.core.waiting import wait, wait_for_result
from taskyard.client.handle import SyncHandle
from taskyard.client.trace_context import trace_headers
from taskyard.client.transport import HttpTransport, SyncTransport, perform
from taskyard.errors import Refused
from taskyard.options import Duration
from taskyard.request import Request
from taskyard.views import QueueStats, TaskInfo

R = TypeVar("R")
V = TypeVar("V")


class Client:
    """A client of the API. Any thread may use it; close it, or use it as a context manager.

    Each call has one time limit, repeats included. A call is repeated when that is safe: reads, and enqueues, each of
    which carries an idempotency key; the others only if the API has certainly not received them.

    Args:
        url: address of the API; without it, ``TASKYARD_URL``.
        token: token for the API; without it, ``TASKYARD_TOKEN`` or the file that ``TASKYARD_TOKEN_FILE`` names.
        timeout: time limit of each call.
        transport: sends the calls; without it, HTTP. For tests.

    Raises:
        ConfigError: no address of the API is set.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        token: str | None = None,
        timeout: Duration = DEFAULT_TIMEOUT,
        transport: SyncTransport | None = None,
    ) -> None:
        address = choose_url(url)
        self._env = Environment(url=address, timeout_s=seconds_of(timeout))
        self._transport = transport or HttpTransport(address, choose_token(token))

    def enqueue(self, request: Request[R]) -> SyncHandle[R]:
        """Enqueue one task.

        Raises:
            Refused: the API refused it: :class:`~taskyard.DuplicateTask`, :class:`~taskyard.QueueFull` and others.
            NotConnected: the API did not answer.
        """
        created = self._perform(operations.enqueue(request, trace_headers(), self._env))
        return SyncHandle(request, created, self)

    def enqueue_many(
        self,
        requests: Iterable[Request[R]],
        *,
        on_refused: Callable[[Request[R], Refused], object] | None = None,
    ) -> Batch[R]:
        """Enqueue any number of tasks. They are read and sent in chunks while the handles are read.

        Each task is enqueued once, however often its chunk is repeated. A task that a full queue refuses is sent again
        until the time limit of a call has passed.

        Args:
            requests: the tasks, as from a generator.
            on_refused: receives each task that the API refused; without it, the first refusal is raised after the
                handles of the tasks before it.

        Raises:
            Refused: the API refused a task.
            NotConnected: the API did not answer.
        """
        return Batch(self._enqueue_many(requests, on_refused))

    def get(self, task_id: str, *, queue: str | None = None) -> TaskInfo:
        """Read a task.

        Args:
            task_id: the task.
            queue: its queue; without it, all queues are searched.

        Raises:
            UnknownTask: there is no such task.
            NotConnected: the API did not answer.
        """
        return self._perform(operations.get(task_id, queue, self._env))

    def wait(self, task_id: str, *, queue: str | None = None, timeout: Duration | None = None) -> TaskInfo:
        """Wait until a task has ended, and return it; arguments and errors as of :meth:`get` and :meth:`result`."""
        return self._perform(wait(task_id, queue, limit_of(timeout), self._env))

    def result(self, handle: SyncHandle[R], *, timeout: Duration | None = None) -> R:
        """Wait until a task has ended, and return its result; see :meth:`SyncHandle.result`."""
        return self._perform(wait_for_result(handle.request, handle.id, handle.queue, limit_of(timeout), self._env))

    def cancel(self, task_id: str, *, queue: str | None = None) -> bool:
        """Cancel a task.

        Returns:
            True if it is cancelled; false if it is running, and its worker is asked to stop it.

        Raises:
            WrongState: it has ended.
            UnknownTask: there is no such task.
            NotConnected: the API did not answer; whether it is cancelled is unknown.
        """
        return self._perform(operations.cancel(task_id, queue, self._env))

    def run(self, task_id: str, *, queue: str | None = None) -> None:
        """Make a task pending now, even if it has ended.

        Raises:
            WrongState: it is running.
            UnknownTask: there is no such task.
            NotConnected: the API did not answer; whether it is pending is unknown.
        """
        self._perform(operations.run(task_id, queue, self._env))

    def delete(self, task_id: str, *, queue: str | None = None) -> None:
        """Delete a task.

        Raises:
            WrongState: it is running.
            UnknownTask: there is no such task.
            NotConnected: the API did not answer; whether it is deleted is unknown.
        """
        self._perform(operations.delete(task_id, queue, self._env))

    def list(
        self,
        *,
        queue: str | None = None,
        state: str | None = None,
        type: str | None = None,  # noqa: A002 - the word of the API
        metadata: Mapping[str, str] | None = None,
        page_size: int = 100,
    ) -> Iterator[TaskInfo]:
        """All tasks that match, without payloads and attempts, read page by page.

        Raises:
            ServerTooOld: the API cannot list tasks.
            NotConnected: the API did not answer.
        """
        filters = operations.list_filters(queue=queue, state=state, type=type, metadata=metadata, page_size=page_size)
        cursor: str | None = None
        while True:
            page = self._perform(operations.page(filters, cursor, self._env))
            yield from page.tasks
            cursor = page.next_cursor
            if cursor is None:
                return

    def stats(self, queue: str | None = None) -> dict[str, QueueStats]:
        """Number of tasks per state of each queue, or of one queue.

        Raises:
            NotConnected: the API did not answer.
        """
        return {each.queue: each for each in self._perform(operations.stats(queue, self._env))}

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _enqueue_many(
        self, requests: Iterable[Request[R]], on_refused: Callable[[Request[R], Refused], object] | None
    ) -> Iterator[SyncHandle[R]]:
        for chunk in chunks(requests, self._env):
            fates = self._perform(enqueue_chunk(chunk, trace_headers(), self._env))
            for entry, fate in zip(chunk, fates, strict=True):
                request = cast("Request[R]", entry.request)
                if isinstance(fate, Created):
                    yield SyncHandle(request, fate, self)
                elif on_refused is None:
                    raise fate
                else:
                    on_refused(request, fate)

    def _perform(self, steps: Steps[V]) -> V:
        return perform(steps, self._transport)
