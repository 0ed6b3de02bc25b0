"""Execution of handlers registered with ``process=True`` in a pool of processes.

A stopped attempt ends with its process, which is killed and replaced. A handler that crashes its process affects no
other task.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import pickle
import socket
from collections.abc import Sequence
from concurrent.futures import Future, wait

import msgspec
from opentelemetry.context import attach, detach
from pebble import ProcessExpired, ProcessPool

from queuecore.domain.task import Task
from queuecore.observe.logs import configure_logging
from queuecore.observe.tracing.context import TraceTexts, read_context, write_current_context
from queuecore.observe.tracing.setup import start_tracing
from queuecore.settings.shared import LogSettings, TraceSettings
from queueworker.handlers.context import WorkerContext
from queueworker.handlers.loader import load_handlers
from queueworker.handlers.registry import HandlerRegistry
from queueworker.runs.run import Run
from taskyard.payloads.outcome import encode_result, format_error

EXPORT_INTERVAL_MS = 500
"""Interval at which a child exports the spans of its handlers; the latest spans are lost when the child is killed."""
KILL_POLL_S = 0.02
MAX_PROGRESS_BYTES = 64 * 1024
"""Limit of one progress message: one datagram."""


class _Child:
    """State of a process of the pool."""

    handlers: HandlerRegistry
    progress: socket.socket


class HandlerProcessDied(Exception):
    """The process of the handler has died."""


class HandlerProcessFailed(Exception):
    """The handler raised an exception that cannot be pickled; this one has its text."""


class ProcessExecutor:
    """Runs handlers in other processes, started on first use.

    Args:
        processes: limit of handlers that run concurrently.
        apps: apps that the children load, as in ``TASKYARD_WORKER_APPS``.
        log: log settings of the children.
        trace: trace settings of the children.
    """

    def __init__(
        self,
        processes: int,
        apps: Sequence[str],
        log: LogSettings | None = None,
        trace: TraceSettings | None = None,
    ) -> None:
        self._processes = processes
        # The pool hands over a task as soon as it is scheduled, and starts it even if it has been cancelled by then.
        self._free_processes = asyncio.Semaphore(processes)
        self._log = log or LogSettings()
        self._trace = trace or TraceSettings()
        self._apps = tuple(apps)
        self._pool: ProcessPool | None = None
        self._running: dict[tuple[str, str, int], Run] = {}
        # Datagrams arrive whole and need no lock, which a killed child would never release.
        self._progress_receiver, self._progress_sender = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._progress_receiver.setblocking(False)

    async def execute(self, run: Run) -> object:
        """Run the handler in a free process. Cancelling this call kills the process, and waits until it is dead."""
        run.handler.decode(run.lease.task.payload)
        async with self._free_processes:
            return await self._execute(run)

    async def _execute(self, run: Run) -> object:
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
        except asyncio.CancelledError:
            await _until_killed(future)
            raise
        finally:
            del self._running[key]
        return msgspec.Raw(encoded) if encoded else None

    def close(self) -> None:
        """Kill all processes."""
        if self._pool is not None:
            self._pool.stop()
            self._pool.join()
        self._progress_receiver.close()
        self._progress_sender.close()

    def _start(self) -> ProcessPool:
        asyncio.get_running_loop().add_reader(self._progress_receiver, self._receive)
        return ProcessPool(
            self._processes,
            initializer=_start_child,
            initargs=(self._apps, self._progress_sender, self._log, self._trace),
            # A fork would copy the event loop, and locks held by threads.
            context=multiprocessing.get_context("spawn"),
        )

    def _receive(self) -> None:
        """Forward the progress of a child, unless its task has ended."""
        queue, task_id, token, progress = msgspec.msgpack.decode(self._progress_receiver.recv(MAX_PROGRESS_BYTES))
        if run := self._running.get((queue, task_id, token)):
            run.context.report(progress)


async def _until_killed(future: Future[bytes]) -> None:
    """Wait until the pool has killed the process of a cancelled call, so that no later run of its task overlaps."""
    while wait([future], timeout=0).not_done:  # noqa: ASYNC110 - a thread of the pool kills it
        await asyncio.sleep(KILL_POLL_S)


def _start_child(apps: Sequence[str], progress: socket.socket, log: LogSettings, trace: TraceSettings) -> None:
    configure_logging("worker", log.level, log.format)
    start_tracing("worker", trace, EXPORT_INTERVAL_MS)
    _Child.handlers = load_handlers(apps)
    _Child.progress = progress


def _run(task_data: bytes, attempt: int, deadline_at_ms: int, token: int, span: tuple[str | None, str | None]) -> bytes:
    """Run the handler of a task in the child and return its result as JSON, empty for none."""
    task = msgspec.msgpack.decode(task_data, type=Task)
    handler = _Child.handlers.get(task.type)
    if handler is None:
        raise LookupError(f"the handler for {task.type!r} is not in the apps of TASKYARD_WORKER_APPS")

    def report(progress: bytes) -> None:
        message = msgspec.msgpack.encode((task.queue, task.id, token, progress))
        if len(message) > MAX_PROGRESS_BYTES:
            raise ValueError(f"progress of {len(message)} bytes; a process handler can report {MAX_PROGRESS_BYTES}")
        _Child.progress.send(message)

    context = WorkerContext(task, attempt, deadline_at_ms, report, token, handler.lifespan)
    token_of_context = attach(read_context(TraceTexts(*span)))
    try:
        result = handler.call(handler.decode(task.payload), context)
        return encode_result(context.result if result is None else result)
    except Exception as error:
        if _is_picklable(error):
            raise
        raise HandlerProcessFailed(format_error(error)) from None
    finally:
        detach(token_of_context)


def _is_picklable(error: Exception) -> bool:
    """Test that the exception survives pickling and unpickling. One that does not would break the pool."""
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    except Exception:  # noqa: BLE001 - the exception's own methods may raise anything
        return False
    return True
