"""Handlers of the workers under test, which record their executions: well-behaved ones, and ones that inject faults."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import resource
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path

import msgspec

from taskyard import Context, Taskyard
from tests.support.execution_log import record, recorded

app = Taskyard()

FAULT_EXIT_CODE = 9
_MEMORY_LIMIT_BYTES = 1024**3
_PARENT = multiprocessing.parent_process()
_PARENT_PID = 0 if _PARENT is None else (_PARENT.pid or 0)
"""In a child process, the pid of the worker. ``os.getppid`` changes after the death of the worker."""


class Behavior(msgspec.Struct, forbid_unknown_fields=True):
    """Requested behavior of a handler."""

    seconds: float = 0.0
    fail_times: int = 0
    """Number of first attempts that fail or inject a fault."""
    until: str = ""
    """A file that the handler waits for."""
    padding: str = ""
    """Makes the payload large."""
    result_bytes: int = 0
    """Size of a large result; 0: only the number of the attempt."""


class InjectedFailure(Exception):
    """The requested failure."""


@app.task("coroutine")
async def run_coroutine(behavior: Behavior, context: Context) -> int | list[int | str]:
    with recorded(context.task.id, context.attempt, os.getpid()):
        await asyncio.sleep(behavior.seconds)
        while behavior.until and not Path(behavior.until).exists():  # noqa: ASYNC110, ASYNC240 - another process creates it
            await asyncio.sleep(0.02)
        _fail_if_injected(behavior, context)
    return [context.attempt, "x" * behavior.result_bytes] if behavior.result_bytes else context.attempt


@app.task("thread")
def run_thread(behavior: Behavior, context: Context) -> int:
    with recorded(context.task.id, context.attempt, os.getpid()):
        time.sleep(behavior.seconds)
        _fail_if_injected(behavior, context)
    return context.attempt


@app.task("child", process=True)
def run_child(behavior: Behavior, context: Context) -> int:
    with recorded(context.task.id, context.attempt, _PARENT_PID):
        time.sleep(behavior.seconds)
        while behavior.until and not Path(behavior.until).exists():
            time.sleep(0.02)
        _fail_if_injected(behavior, context)
    return context.attempt


@app.task("deaf")
async def ignore_cancellation(behavior: Behavior, context: Context) -> None:
    """Run until a file exists, and ignore that the attempt is stopped."""
    record("started", context.task.id, context.attempt, os.getpid())
    while not (behavior.until and Path(behavior.until).exists()):  # noqa: ASYNC240 - another process creates it
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(0.02)


@app.task("deaf-coroutine")
async def outlast_cancellation(behavior: Behavior, context: Context) -> int:
    """Ignore for some seconds that the attempt is stopped."""
    with recorded(context.task.id, context.attempt, os.getpid()):
        ends_at = time.monotonic() + behavior.seconds
        while context.attempt <= behavior.fail_times and time.monotonic() < ends_at:
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(0.02)
    return context.attempt


@app.task("deaf-thread")
def outlast_timeout(behavior: Behavior, context: Context) -> int:
    """Run for some seconds in a thread, which nothing can stop."""
    with recorded(context.task.id, context.attempt, os.getpid()):
        if context.attempt <= behavior.fail_times:
            time.sleep(behavior.seconds)
    return context.attempt


@app.task("blocking")
async def block_loop(behavior: Behavior, context: Context) -> int:
    with recorded(context.task.id, context.attempt, os.getpid()):
        while context.attempt <= behavior.fail_times and not Path(behavior.until).exists():  # noqa: ASYNC240 - another process creates it
            time.sleep(0.02)  # noqa: ASYNC251 - the injected fault
    return context.attempt


@app.task("exiting")
async def exit_worker(behavior: Behavior, context: Context) -> int:
    with recorded(context.task.id, context.attempt, os.getpid()):
        if context.attempt <= behavior.fail_times:
            os._exit(FAULT_EXIT_CODE)
    return context.attempt


@app.task("endless")
def run_endlessly(_: Behavior, context: Context) -> None:
    record("started", context.task.id, context.attempt, os.getpid())
    threading.Event().wait()


@app.task("out-of-memory", process=True)
def exhaust_memory(behavior: Behavior, context: Context) -> int:
    """Allocate memory up to the limit of the child process."""
    with recorded(context.task.id, context.attempt, _PARENT_PID):
        if context.attempt <= behavior.fail_times:
            resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_LIMIT_BYTES, _MEMORY_LIMIT_BYTES))
            blocks = []
            while True:
                blocks.append(bytearray(64 * 1024**2))
    return context.attempt


@app.task("killed-child", process=True)
def kill_itself(behavior: Behavior, context: Context) -> int:
    """Die by SIGKILL, like a victim of the kernel's OOM killer."""
    with recorded(context.task.id, context.attempt, _PARENT_PID):
        if context.attempt <= behavior.fail_times:
            os.kill(os.getpid(), signal.SIGKILL)
    return context.attempt


def _fail_if_injected(behavior: Behavior, context: Context) -> None:
    if context.attempt <= behavior.fail_times:
        raise InjectedFailure(f"attempt {context.attempt} of {behavior.fail_times} failing attempts")
