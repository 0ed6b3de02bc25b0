"""What the workers under test run: handlers that behave, and handlers that do their worker harm."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import resource
import signal
import threading
import time
from pathlib import Path

import msgspec

from queueworker import Handlers, TaskContext
from tests.support.journal import write, written

handlers = Handlers()

HARM_EXIT_CODE = 9
_MEMORY_LIMIT_BYTES = 1024**3
_PARENT = multiprocessing.parent_process()
_PARENT_PID = 0 if _PARENT is None else (_PARENT.pid or 0)
"""In a child of the worker, the worker. The system's own answer would be another once the worker is dead."""


class Work(msgspec.Struct, forbid_unknown_fields=True):
    """How a handler is to behave."""

    seconds: float = 0.0
    fail_times: int = 0
    """The first attempts that fail, or do harm."""
    until: str = ""
    """A file: the handler waits until it exists."""


class Ordered(Exception):
    """The failure that was ordered."""


@handlers.register("coroutine")
async def run_coroutine(work: Work, context: TaskContext) -> int:
    with written(context.task.id, context.attempt, os.getpid()):
        await asyncio.sleep(work.seconds)
        while work.until and not Path(work.until).exists():  # noqa: ASYNC110, ASYNC240 - another process makes it
            await asyncio.sleep(0.02)
        _fail_if_ordered(work, context)
    return context.attempt


@handlers.register("thread")
def run_thread(work: Work, context: TaskContext) -> int:
    with written(context.task.id, context.attempt, os.getpid()):
        time.sleep(work.seconds)
        _fail_if_ordered(work, context)
    return context.attempt


@handlers.register("child", process=True)
def run_child(work: Work, context: TaskContext) -> int:
    with written(context.task.id, context.attempt, _PARENT_PID):
        time.sleep(work.seconds)
        while work.until and not Path(work.until).exists():
            time.sleep(0.02)
        _fail_if_ordered(work, context)
    return context.attempt


@handlers.register("blocking")
async def block_loop(work: Work, context: TaskContext) -> int:
    with written(context.task.id, context.attempt, os.getpid()):
        while context.attempt <= work.fail_times and not Path(work.until).exists():  # noqa: ASYNC240 - another process makes it
            time.sleep(0.02)  # noqa: ASYNC251 - the harm
    return context.attempt


@handlers.register("exiting")
async def exit_worker(work: Work, context: TaskContext) -> int:
    with written(context.task.id, context.attempt, os.getpid()):
        if context.attempt <= work.fail_times:
            os._exit(HARM_EXIT_CODE)
    return context.attempt


@handlers.register("endless")
def run_endlessly(_: Work, context: TaskContext) -> None:
    write("started", context.task.id, context.attempt, os.getpid())
    threading.Event().wait()


@handlers.register("hungry", process=True)
def eat_memory(work: Work, context: TaskContext) -> int:
    """Allocate without end, in a child that may not have much; the limit stays with the child."""
    with written(context.task.id, context.attempt, _PARENT_PID):
        if context.attempt <= work.fail_times:
            resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_LIMIT_BYTES, _MEMORY_LIMIT_BYTES))
            eaten = []
            while True:
                eaten.append(bytearray(64 * 1024**2))
    return context.attempt


@handlers.register("shot", process=True)
def be_shot(work: Work, context: TaskContext) -> int:
    """Be killed as the kernel does it when memory is short."""
    with written(context.task.id, context.attempt, _PARENT_PID):
        if context.attempt <= work.fail_times:
            os.kill(os.getpid(), signal.SIGKILL)
    return context.attempt


def _fail_if_ordered(work: Work, context: TaskContext) -> None:
    if context.attempt <= work.fail_times:
        raise Ordered(f"attempt {context.attempt} of {work.fail_times} that were to fail")
