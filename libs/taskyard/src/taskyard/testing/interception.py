"""Interception of what an app enqueues: it is recorded, and by :func:`taskyard.testing.inline` also run."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any

from taskyard.app import Taskyard
from taskyard.client.core.call import Answer, Call
from taskyard.testing.event_loop import run_to_end
from taskyard.testing.memory_api import Kept, MemoryApi
from taskyard.testing.recorded import RecordedTask, RecordedTasks

Runner = Callable[[Kept], Coroutine[Any, Any, None]]
"""Runs an enqueued task."""

_active: list[tuple[Taskyard[Any], MemoryApi]] = []


@contextmanager
def recording(app: Taskyard[Any]) -> Iterator[RecordedTasks]:
    """Record what the app enqueues within the block; nothing is sent and nothing runs.

    All ways are covered: ``task.enqueue``, ``task.enqueue_sync``, ``app.client`` and ``app.async_client``. A client
    that the code under test makes itself is not.

    Args:
        app: the app.
    """
    with intercepting(app, None) as recorded:
        yield recorded


@contextmanager
def intercepting(app: Taskyard[Any], run: Runner | None) -> Iterator[RecordedTasks]:
    """Record what the app enqueues within the block, and run each task before its enqueue returns.

    Args:
        app: the app.
        run: runs a task; ``None``: nothing runs.
    """
    entry = (app, MemoryApi())
    stop = app.intercept(_SyncTransport(entry[1], run), _AsyncTransport(entry[1], run))
    _active.append(entry)
    try:
        yield entry[1].recorded
    finally:
        _active.remove(entry)
        stop()


@contextmanager
def collecting(app: Taskyard[Any]) -> Iterator[list[RecordedTask]]:
    """Collect what the app enqueues within the block, in the interception that is active or in one of its own.

    Args:
        app: the app.
    """
    collected: list[RecordedTask] = []
    active = [api.recorded for each, api in _active if each is app]
    if not active:
        with recording(app) as recorded:
            yield collected
            collected.extend(recorded)
        return
    start = len(active[-1])
    yield collected
    collected.extend(active[-1][start:])


class _SyncTransport:
    """Sends calls to an API in memory, for plain functions."""

    def __init__(self, api: MemoryApi, run: Runner | None) -> None:
        self._api = api
        self._run = run

    def send(self, call: Call, timeout_s: float) -> Answer:  # noqa: ARG002 - it answers at once
        answer, accepted = self._api.answer(call)
        for kept in accepted:
            if self._run is not None:
                run_to_end(self._run(kept))
        return answer

    def close(self) -> None:
        """Do nothing: there are no connections."""


class _AsyncTransport:
    """Sends calls to an API in memory, for coroutines."""

    def __init__(self, api: MemoryApi, run: Runner | None) -> None:
        self._api = api
        self._run = run

    async def send(self, call: Call, timeout_s: float) -> Answer:  # noqa: ARG002 - it answers at once
        answer, accepted = self._api.answer(call)
        for kept in accepted:
            if self._run is not None:
                await self._run(kept)
        return answer

    async def aclose(self) -> None:
        """Do nothing: there are no connections."""
