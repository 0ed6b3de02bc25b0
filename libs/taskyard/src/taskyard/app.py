"""The app: registers tasks, and holds their defaults, their state and their connection."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine, Mapping
from types import MappingProxyType
from typing import Any, Generic, Protocol, cast, overload
from weakref import WeakKeyDictionary

from typing_extensions import TypeVar, Unpack

from queuecore.domain.names import check_task_type
from taskyard.client import AsyncClient, Client
from taskyard.client.handle import Handle, SyncHandle
from taskyard.client.transport import AsyncTransport, SyncTransport
from taskyard.context import Context
from taskyard.errors import HandlerError
from taskyard.handler import make_handler
from taskyard.lifespan import Lifespan, LifespanFunction
from taskyard.options import TaskOptions, check_options
from taskyard.request import Request
from taskyard.task import Task

T = TypeVar("T")
R = TypeVar("R")
S = TypeVar("S", default=Any)


class _Decorate(Protocol[S]):
    """Turns a function into a task; a coroutine function or a plain one, with a context or without."""

    @overload
    def __call__(
        self, function: Callable[[T, Context[S]], Coroutine[Any, Any, R]], /
    ) -> Task[[T, Context[S]], T, R, Coroutine[Any, Any, R]]: ...
    @overload
    def __call__(
        self, function: Callable[[T], Coroutine[Any, Any, R]], /
    ) -> Task[[T], T, R, Coroutine[Any, Any, R]]: ...
    @overload
    def __call__(self, function: Callable[[T, Context[S]], R], /) -> Task[[T, Context[S]], T, R, R]: ...
    @overload
    def __call__(self, function: Callable[[T], R], /) -> Task[[T], T, R, R]: ...


class Taskyard(Generic[S]):
    """An app: the tasks of one service.

    A module has one at its top level::

        app = Taskyard()

        @app.task("email:send", queue="mail", max_retries=5, timeout="30s")
        async def send(email: Email, context: Context) -> Sent:
            ...

    The first parameter is the payload. Its annotation decides how the payload is decoded and validated: a msgspec
    Struct, a dataclass, a TypedDict or a pydantic model; without an annotation it is a dict. An optional second
    parameter receives the :class:`~taskyard.context.Context`. The return value is the result of the task.

    Args:
        lifespan: an async generator function that creates the state of the app once per worker process, yields it, and
            releases its resources; handlers find the state in ``context.state``.
        url: address of the API; without it, ``TASKYARD_URL``.
        token: token for the API; without it, ``TASKYARD_TOKEN`` or the file that ``TASKYARD_TOKEN_FILE`` names.
        defaults: options of all tasks of the app.

    Raises:
        InvalidField: a default has an invalid value.
    """

    def __init__(
        self,
        *,
        lifespan: LifespanFunction[S] | None = None,
        url: str | None = None,
        token: str | None = None,
        defaults: TaskOptions | None = None,
    ) -> None:
        self._defaults: Mapping[str, Any] = dict(defaults or {})
        check_options(self._defaults, TaskOptions)
        self._lifespan: Lifespan[S] = Lifespan(lifespan)
        self._tasks: dict[str, Task[Any, Any, Any, Any]] = {}
        self._url = url
        self._token = token
        self._lock = threading.Lock()
        self._client: Client | None = None
        self._client_pid = 0
        self._async_clients: WeakKeyDictionary[asyncio.AbstractEventLoop, AsyncClient] = WeakKeyDictionary()
        self._intercepted_by: list[tuple[Client, AsyncClient]] = []

    @property
    def tasks(self) -> Mapping[str, Task[Any, Any, Any, Any]]:
        """The tasks by type."""
        return MappingProxyType(self._tasks)

    @property
    def lifespan(self) -> Lifespan[S]:
        """Holds the state; a worker enters it."""
        return self._lifespan

    def task(self, type: str, /, *, process: bool = False, **options: Unpack[TaskOptions]) -> _Decorate[S]:  # noqa: A002 - the word of the API
        """Register the decorated function as the handler of a task type.

        Coroutine functions run in the event loop, plain functions in a thread.

        Args:
            type: the task type.
            process: run a plain function in another process, for CPU-bound work.
            options: defaults of the task, which override those of the app.

        Raises:
            InvalidField: the name of the type or an option is invalid.
            TypeError: there is no such option.
            HandlerError: the type has a handler already, or the function cannot be a handler.
        """
        if not isinstance(type, str):
            raise HandlerError(f"the decorator takes a task type: @app.task({name_in_words(type)!r})")
        check_task_type(type)
        check_options(options, TaskOptions)

        def decorate(function: Callable[..., Any], /) -> Task[Any, Any, Any, Any]:
            handler = make_handler(type, function, process=process, lifespan=self._lifespan)
            present = self._tasks.get(type)
            if present is not None:
                raise HandlerError(f"task type {type!r} has two handlers: {present.handler.name} and {handler.name}")
            task = self._tasks[type] = Task[Any, Any, Any, Any](handler, {**self._defaults, **options}, self)
            return task

        return cast("_Decorate[S]", decorate)

    async def enqueue(self, request: Request[R], /) -> Handle[R]:
        """Enqueue a request from a coroutine; errors as of :meth:`taskyard.AsyncClient.enqueue`."""
        return await self.async_client.enqueue(request)

    def enqueue_sync(self, request: Request[R], /) -> SyncHandle[R]:
        """Enqueue a request from a plain function; errors as of :meth:`taskyard.Client.enqueue`."""
        return self.client.enqueue(request)

    @property
    def client(self) -> Client:
        """The app's client for plain functions, one per process; any thread may use it.

        Raises:
            ConfigError: no address of the API is set.
        """
        if self._intercepted_by:
            return self._intercepted_by[-1][0]
        with self._lock:
            # A connection is not shared with a forked child.
            if self._client is None or self._client_pid != os.getpid():
                self._client, self._client_pid = Client(self._url, token=self._token), os.getpid()
            return self._client

    @property
    def async_client(self) -> AsyncClient:
        """The app's client for coroutines, one per event loop.

        Raises:
            ConfigError: no address of the API is set.
            RuntimeError: no event loop runs.
        """
        if self._intercepted_by:
            return self._intercepted_by[-1][1]
        loop = asyncio.get_running_loop()
        client = self._async_clients.get(loop)
        if client is None:
            client = self._async_clients[loop] = AsyncClient(self._url, token=self._token)
        return client

    async def aclose(self) -> None:
        """Close the clients of the running event loop and of plain functions. A later enqueue opens new ones."""
        client = self._async_clients.pop(asyncio.get_running_loop(), None)
        if client is not None:
            await client.aclose()
        self.close()

    def close(self) -> None:
        """Close the client of plain functions. A later enqueue opens a new one."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def intercept(self, sync: SyncTransport, asynchronous: AsyncTransport) -> Callable[[], None]:
        """Send all enqueues to other transports; :mod:`taskyard.testing` does.

        Returns:
            Ends the interception.
        """
        clients = (
            Client("http://taskyard.testing", token="", transport=sync),
            AsyncClient("http://taskyard.testing", token="", transport=asynchronous),
        )
        self._intercepted_by.append(clients)
        return lambda: self._intercepted_by.remove(clients)

    def __repr__(self) -> str:
        return f"<Taskyard of {len(self._tasks)} task types>"


def name_in_words(function: object) -> str:
    """A task type that suits a function, for a message."""
    return getattr(function, "__name__", "name")
