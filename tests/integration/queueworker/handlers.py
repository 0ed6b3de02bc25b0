"""Handlers of the workers under test."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import msgspec

from queueworker import DoNotRetry, Handlers, Retry, TaskContext
from tests.integration.queueworker.fencing import write_report

handlers = Handlers()
_numbers = itertools.count(1)


class Order(msgspec.Struct):
    value: int = 0
    until: str = ""
    """A file: the handler runs until it exists."""


@handlers.register("async")
async def run_async(order: Order, context: TaskContext) -> dict[str, object]:
    return {"value": order.value, "metadata": context.task.metadata, "pid": os.getpid(), "fence": context.fence}


@handlers.register("thread")
def run_thread(order: Order, context: TaskContext) -> dict[str, object]:
    assert threading.current_thread() is not threading.main_thread()
    return {"value": order.value, "metadata": context.task.metadata, "pid": os.getpid(), "fence": context.fence}


@handlers.register("process", process=True)
def run_process(order: Order, context: TaskContext) -> dict[str, object]:
    return {"value": order.value, "metadata": context.task.metadata, "pid": os.getpid(), "fence": context.fence}


@handlers.register("number")
async def number(_: Order) -> int:
    """Return its position in the order in which this worker ran such tasks, from 1."""
    return next(_numbers)


@handlers.register("busy")
async def be_busy(_: Order, context: TaskContext) -> str:
    if context.attempt == 1:
        raise Retry("come back", after="10ms")
    return "done"


@handlers.register("refused")
async def refuse(_: Order) -> None:
    raise DoNotRetry("the account is closed")


@handlers.register("failing")
async def fail(_: Order) -> None:
    raise ValueError("this never works")


@handlers.register("failing:surrogate")
async def fail_with_surrogate(_: Order) -> None:
    raise FileNotFoundError("no file caf\udce9")


@handlers.register("failing:process", process=True)
def fail_in_process(_: Order) -> None:
    raise ValueError("this never works")


@handlers.register("leaving:process", process=True)
def leave(_: Order) -> None:
    raise SystemExit(3)


@handlers.register("dying:process", process=True)
def die(_: Order, context: TaskContext) -> str:
    if context.attempt == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return "survived"


@handlers.register("result:unfit")
async def return_what_is_not_json(_: Order) -> object:
    return object()


@handlers.register("result:unfit:process", process=True)
def return_what_is_not_json_from_a_process(_: Order) -> object:
    return object()


@handlers.register("waiting")
async def wait(order: Order, context: TaskContext) -> str:
    context.progress(os.getpid())
    try:
        while not Path(order.until).exists():  # noqa: ASYNC110, ASYNC240 - another process makes it
            await asyncio.sleep(0.01)
    except asyncio.CancelledError:
        Path(f"{order.until}.cancelled").touch()  # noqa: ASYNC240
        raise
    return "waited"


@handlers.register("waiting:thread")
def wait_in_thread(order: Order, context: TaskContext) -> str:
    """Ignore ``context.cancelled``."""
    return _wait(order, context)


@handlers.register("waiting:process", process=True)
def wait_in_process(order: Order, context: TaskContext) -> str:
    return _wait(order, context)


def _wait(order: Order, context: TaskContext) -> str:
    context.progress(os.getpid())
    while not Path(order.until).exists():
        time.sleep(0.01)
    return "waited"


@handlers.register("fenced:thread")
def write_fenced_in_thread(order: Order, context: TaskContext) -> str:
    return _write_fenced(order, context)


@handlers.register("fenced:process", process=True)
def write_fenced_in_process(order: Order, context: TaskContext) -> str:
    return _write_fenced(order, context)


def _write_fenced(order: Order, context: TaskContext) -> str:
    """Write with the fence once the gate of this process is open, and leave the outcome in a file."""
    pid = os.getpid()
    context.progress(pid)
    while not Path(f"{order.until}.{pid}").exists():
        time.sleep(0.01)
    with closing(sqlite3.connect(f"{order.until}.db")) as db:
        outcome = "written" if write_report(db, context, str(pid)) else "refused"
    Path(f"{order.until}.{pid}.{outcome}").touch()
    return outcome


class TwoPartError(Exception):
    """Can be pickled, but not unpickled."""

    def __init__(self, part: str, other: str) -> None:
        super().__init__(f"{part} and {other}")


@handlers.register("failing:process:unpickled", process=True)
def fail_beyond_unpickling(_: Order) -> None:
    raise TwoPartError("this", "that")


@handlers.register("failing:process:unpickling", process=True)
def fail_beyond_pickling(_: Order) -> None:
    error = ValueError("this and that")
    error.lock = threading.Lock()  # type: ignore[attr-defined]
    raise error


@handlers.register("busy:process", process=True)
def be_busy_in_process(_: Order, context: TaskContext) -> str:
    if context.attempt == 1:
        raise Retry("come back", after="10ms")
    return "done"
