"""Plain handlers registered with ``process=True``, in a pool of processes.

A process can be stopped: when the attempt is cancelled its process is killed and replaced, and a handler that takes
its process down with it takes no other task along.
"""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Sequence

import msgspec
from pebble import ProcessExpired, ProcessPool

from queuecore.domain.task import Task
from queueworker.context import TaskContext
from queueworker.handlers import Handlers
from queueworker.loader import load_handlers
from queueworker.run import Run

_handlers_of_child: Handlers | None = None


class HandlerProcessDied(Exception):
    """The process that ran the handler is gone."""


class ProcessExecutor:
    """Runs handlers in other processes, started on first use.

    Args:
        processes: how many handlers run at once at most.
        modules: where the children find the handlers, as in ``TASKYARD_WORKER_HANDLERS``.
    """

    def __init__(self, processes: int, modules: Sequence[str]) -> None:
        self._processes = processes
        self._modules = tuple(modules)
        self._pool: ProcessPool | None = None

    async def execute(self, run: Run) -> object:
        """Run the handler; cancelling this kills its process."""
        run.handler.decode(run.lease.task.payload)
        if self._pool is None:
            self._pool = ProcessPool(
                self._processes,
                initializer=_load,
                initargs=(self._modules,),
                context=multiprocessing.get_context("spawn"),
            )
        context = run.context
        future = self._pool.schedule(
            _run, args=(msgspec.msgpack.encode(context.task), context.attempt, context.deadline_at_ms)
        )
        try:
            encoded = await asyncio.wrap_future(future)
        except ProcessExpired as error:
            raise HandlerProcessDied(f"the handler's process ended with exit code {error.exitcode}") from error
        return msgspec.Raw(encoded) if encoded else None

    def close(self) -> None:
        """Kill all processes."""
        if self._pool is not None:
            self._pool.stop()
            self._pool.join()


def _load(modules: Sequence[str]) -> None:
    global _handlers_of_child  # noqa: PLW0603 - a pool's initializer can hand nothing else to its calls
    _handlers_of_child = load_handlers(modules)


def _run(task_data: bytes, attempt: int, deadline_at_ms: int) -> bytes:
    """In the child: run the handler of a task; its result as JSON, empty for none."""
    task = msgspec.msgpack.decode(task_data, type=Task)
    handler = _handlers_of_child.get(task.type) if _handlers_of_child else None
    if handler is None:
        raise LookupError(f"the handler for {task.type!r} is not in the modules that the worker was told to load")
    context = TaskContext(task, attempt, deadline_at_ms, _no_progress)
    result = handler.call(handler.decode(task.payload), context)
    value = context.result if result is None else result
    return b"" if value is None else msgspec.json.encode(value)


def _no_progress(_: bytes) -> None:
    """Progress is not sent from another process."""
