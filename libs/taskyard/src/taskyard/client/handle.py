"""Handles: an enqueued task, whose result has a type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic

from typing_extensions import TypeVar

from taskyard.client.core.answers import Created
from taskyard.options import Duration
from taskyard.request import Request
from taskyard.views import TaskInfo

if TYPE_CHECKING:
    from taskyard.client.async_client import AsyncClient
    from taskyard.client.sync_client import Client

R_co = TypeVar("R_co", covariant=True)


class _Enqueued(Generic[R_co]):
    """A task as the API has accepted it.

    Args:
        request: the task.
        created: the API's answer.
    """

    def __init__(self, request: Request[R_co], created: Created) -> None:
        self._request = request
        self._created = created

    @property
    def id(self) -> str:
        """The task's id."""
        return self._created.task_id

    @property
    def type(self) -> str:
        """The task's type."""
        return self._request.type

    @property
    def queue(self) -> str:
        """The queue that it entered."""
        return self._created.queue

    @property
    def request(self) -> Request[R_co]:
        """The request that it was enqueued by."""
        return self._request

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of task {self.id}, {self.type} in {self.queue}>"


class Handle(_Enqueued[R_co]):
    """An enqueued task, for coroutines.

    Args:
        request: the task.
        created: the API's answer.
        client: reads the task.
    """

    def __init__(self, request: Request[R_co], created: Created, client: AsyncClient) -> None:
        super().__init__(request, created)
        self._client = client

    async def result(self, *, timeout: Duration | None = None) -> R_co:  # noqa: ASYNC109 - the wait has a limit, and its error names it
        """Wait until the task has ended, and return its result; see :meth:`SyncHandle.result`."""
        return await self._client.result(self, timeout=timeout)

    async def wait(self, *, timeout: Duration | None = None) -> TaskInfo:  # noqa: ASYNC109 - the wait has a limit, and its error names it
        """Wait until the task has ended, and return it; see :meth:`SyncHandle.wait`."""
        return await self._client.wait(self.id, queue=self.queue, timeout=timeout)

    async def get(self) -> TaskInfo:
        """Read the task."""
        return await self._client.get(self.id, queue=self.queue)

    async def cancel(self) -> bool:
        """Cancel the task; see :meth:`taskyard.Client.cancel`."""
        return await self._client.cancel(self.id, queue=self.queue)


class SyncHandle(_Enqueued[R_co]):
    """An enqueued task, for plain functions.

    Args:
        request: the task.
        created: the API's answer.
        client: reads the task.
    """

    def __init__(self, request: Request[R_co], created: Created, client: Client) -> None:
        super().__init__(request, created)
        self._client = client

    def result(self, *, timeout: Duration | None = None) -> R_co:
        """Wait until the task has ended, and return its result.

        Args:
            timeout: the time limit; ``None``: none.

        Raises:
            TaskFailed: it is archived: it failed, or was cancelled.
            ResultTimeout: it has not ended in time.
            ResultNotKept: it is gone: its retention is over or 0, or it was deleted.
            NotConnected: the API did not answer.
        """
        return self._client.result(self, timeout=timeout)

    def wait(self, *, timeout: Duration | None = None) -> TaskInfo:
        """Wait until the task has ended, and return it, whether it succeeded or not.

        Args:
            timeout: the time limit; ``None``: none.

        Raises:
            ResultTimeout: it has not ended in time.
            UnknownTask: it is gone.
            NotConnected: the API did not answer.
        """
        return self._client.wait(self.id, queue=self.queue, timeout=timeout)

    def get(self) -> TaskInfo:
        """Read the task."""
        return self._client.get(self.id, queue=self.queue)

    def cancel(self) -> bool:
        """Cancel the task; see :meth:`taskyard.Client.cancel`."""
        return self._client.cancel(self.id, queue=self.queue)
