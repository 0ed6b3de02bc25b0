"""Plain handlers registered with ``process=True``, in a pool of processes.

A process can be stopped: when the attempt is cancelled its process is killed and replaced, and a handler that takes
its process down with it takes no other task along.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import pickle
import socket
from collections.abc import Sequence

import msgspec
from opentelemetry.context import attach, detach
from pebble import ProcessExpired, ProcessPool

from queuecore.domain.task import Task
from queuecore.observe.logs import configure_logging
from queuecore.observe.tracing.context import TraceTexts, read_context, write_current_context
from queuecore.observe.tracing.setup import start_tracing
from queuecore.settings.shared import LogSettings, TraceSettings
from queueworker.handlers.context import TaskContext
from queueworker.handlers.loader import load_handlers
from queueworker.handlers.registry import Handlers
from queueworker.handlers.results import describe_error, encode_result
from queueworker.runs.run import Run

EXPORT_INTERVAL_MS = 500
"""How often a child sends the spans that its handlers made; those of the last moment are lost when it is killed."""
MAX_PROGRESS_BYTES = 64 * 1024
"""What a child can report at once: one datagram."""


class _Child:
    """What a pool's process keeps between its tasks."""

    handlers: Handlers
    reports: socket.socket


class HandlerProcessDied(Exception):
    """The process that ran the handler is gone."""


class HandlerProcessFailed(Exception):
    """The handler raised an error that cannot leave its process; this one has its text."""


class ProcessExecutor:
    """Runs handlers in other processes, started on first use.

    Args:
        processes: how many handlers run at once at most.
        modules: where the children find the handlers, as in ``TASKYARD_WORKER_HANDLERS``.
        log: how the children log.
        trace: how the children trace what handlers do.
    """

    def __init__(
        self,
        processes: int,
        modules: Sequence[str],
        log: LogSettings | None = None,
        trace: TraceSettings | None = None,
    ) -> None:
        self._processes = processes
        self._log = log or LogSettings()
        self._trace = trace or TraceSettings()
        self._modules = tuple(modules)
        self._pool: ProcessPool | None = None
        self._running: dict[tuple[str, str, int], Run] = {}
        # Datagrams need no lock, which a killed child could keep for ever, and never arrive in part.
        self._reports, self._reports_of_children = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._reports.setblocking(False)

    async def execute(self, run: Run) -> object:
        """Run the handler; cancelling this kills its process."""
        run.handler.decode(run.lease.task.payload)
        if self._pool is None or not self._pool.active:
            self._pool = self._start()
        context = run.context
        key = (context.task.queue, context.task.id, run.lease.token)
        self._running[key] = run
        future = self._pool.schedule(
            _run,
            args=(
                msgspec.msgpack.encode(context.task),
                context.attempt,
                context.deadline_at_ms,
                key[2],
                tuple(write_current_context()),
            ),
        )
        try:
            encoded = await asyncio.wrap_future(future)
        except ProcessExpired as error:
            raise HandlerProcessDied(f"the handler's process ended with exit code {error.exitcode}") from error
        finally:
            del self._running[key]
        return msgspec.Raw(encoded) if encoded else None

    def close(self) -> None:
        """Kill all processes."""
        if self._pool is not None:
            self._pool.stop()
            self._pool.join()
        self._reports.close()
        self._reports_of_children.close()

    def _start(self) -> ProcessPool:
        asyncio.get_running_loop().add_reader(self._reports, self._receive)
        return ProcessPool(
            self._processes,
            initializer=_begin_child,
            initargs=(self._modules, self._reports_of_children, self._log, self._trace),
            # Not a fork: it would copy the event loop, and locks that threads hold.
            context=multiprocessing.get_context("spawn"),
        )

    def _receive(self) -> None:
        """Pass a child's progress on, unless its task has ended meanwhile."""
        queue, task_id, token, progress = msgspec.msgpack.decode(self._reports.recv(MAX_PROGRESS_BYTES))
        if run := self._running.get((queue, task_id, token)):
            run.context.report(progress)


def _begin_child(modules: Sequence[str], reports: socket.socket, log: LogSettings, trace: TraceSettings) -> None:
    configure_logging("worker", log.level, log.format)
    start_tracing("worker", trace, EXPORT_INTERVAL_MS)
    _Child.handlers = load_handlers(modules)
    _Child.reports = reports


def _run(task_data: bytes, attempt: int, deadline_at_ms: int, token: int, span: tuple[str | None, str | None]) -> bytes:
    """In the child: run the handler of a task; its result as JSON, empty for none."""
    task = msgspec.msgpack.decode(task_data, type=Task)
    handler = _Child.handlers.get(task.type)
    if handler is None:
        raise LookupError(f"the handler for {task.type!r} is not in the modules that the worker was told to load")

    def report(progress: bytes) -> None:
        message = msgspec.msgpack.encode((task.queue, task.id, token, progress))
        if len(message) > MAX_PROGRESS_BYTES:
            raise ValueError(f"progress of {len(message)} bytes; a process handler can report {MAX_PROGRESS_BYTES}")
        _Child.reports.send(message)

    context = TaskContext(task, attempt, deadline_at_ms, report)
    token_of_context = attach(read_context(TraceTexts(*span)))
    try:
        result = handler.call(handler.decode(task.payload), context)
        return encode_result(context.result if result is None else result)
    except Exception as error:
        if _can_travel(error):
            raise
        raise HandlerProcessFailed(describe_error(error)) from None
    finally:
        detach(token_of_context)


def _can_travel(error: Exception) -> bool:
    """Whether the error can be pickled here and unpickled there; one that cannot would break the whole pool."""
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    except Exception:  # noqa: BLE001 - whatever the error's own methods raise
        return False
    return True
