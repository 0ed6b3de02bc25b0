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

from taskyard import Context, DoNotRetry, Retry, Taskyard
from tests.integration.queueworker.fencing import write_report

app = Taskyard()
_numbers = itertools.count(1)


class Order(msgspec.Struct):
    value: int = 0
    until: str = ""
    """A file: the handler runs until it exists."""


@app.task("async")
async def run_async(order: Order, context: Context) -> dict[str, object]:
    return {"value": order.value, "metadata": context.task.metadata, "pid": os.getpid(), "fence": context.fence}


@app.task("thread")
def run_thread(order: Order, context: Context) -> dict[str, object]:
    assert threading.current_thread() is not threading.main_thread()
    return {"value": order.value, "metadata": context.task.metadata, "pid": os.getpid(), "fence": context.fence}


@app.task("process", process=True)
def run_process(order: Order, context: Context) -> dict[str, object]:
    return {"value": order.value, "metadata": context.task.metadata, "pid": os.getpid(), "fence": context.fence}


@app.task("number")
async def number(_: Order) -> int:
    """Return its position in the order in which this worker ran such tasks, from 1."""
    return next(_numbers)


@app.task("busy")
async def be_busy(_: Order, context: Context) -> str:
    if context.attempt == 1:
        raise Retry("come back", after="10ms")
    return "done"


@app.task("refused")
async def refuse(_: Order) -> None:
    raise DoNotRetry("the account is closed")


@app.task("failing")
async def fail(_: Order) -> None:
    raise ValueError("this never works")


@app.task("failing:surrogate")
async def fail_with_surrogate(_: Order) -> None:
    raise FileNotFoundError("no file caf\udce9")


@app.task("failing:process", process=True)
def fail_in_process(_: Order) -> None:
    raise ValueError("this never works")


@app.task("leaving:process", process=True)
def leave(_: Order) -> None:
    raise SystemExit(3)


@app.task("dying:process", process=True)
def die(_: Order, context: Context) -> str:
    if context.attempt == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return "survived"


@app.task("result:unfit")
async def return_what_is_not_json(_: Order) -> object:
    return object()


@app.task("result:unfit:process", process=True)
def return_what_is_not_json_from_a_process(_: Order) -> object:
    return object()


@app.task("waiting")
async def wait(order: Order, context: Context) -> str:
    context.progress(os.getpid())
    try:
        while not Path(order.until).exists():  # noqa: ASYNC110, ASYNC240 - another process makes it
            await asyncio.sleep(0.01)
    except asyncio.CancelledError:
        Path(f"{order.until}.cancelled").touch()  # noqa: ASYNC240
        raise
    return "waited"


@app.task("waiting:thread")
def wait_in_thread(order: Order, context: Context) -> str:
    """Ignore ``context.cancelled``."""
    return _wait(order, context)


@app.task("waiting:process", process=True)
def wait_in_process(order: Order, context: Context) -> str:
    return _wait(order, context)


@app.task("touching:process", process=True)
def touch_in_process(order: Order) -> None:
    Path(order.until).touch()


def _wait(order: Order, context: Context) -> str:
    context.progress(os.getpid())
    while not Path(order.until).exists():
        time.sleep(0.01)
    return "waited"


@app.task("fenced:thread")
def write_fenced_in_thread(order: Order, context: Context) -> str:
    return _write_fenced(order, context)


@app.task("fenced:process", process=True)
def write_fenced_in_process(order: Order, context: Context) -> str:
    return _write_fenced(order, context)


def _write_fenced(order: Order, context: Context) -> str:
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


@app.task("failing:process:unpickled", process=True)
def fail_beyond_unpickling(_: Order) -> None:
    raise TwoPartError("this", "that")


@app.task("failing:process:unpickling", process=True)
def fail_beyond_pickling(_: Order) -> None:
    error = ValueError("this and that")
    error.lock = threading.Lock()  # type: ignore[attr-defined]
    raise error


@app.task("busy:process", process=True)
def be_busy_in_process(_: Order, context: Context) -> str:
    if context.attempt == 1:
        raise Retry("come back", after="10ms")
    return "done"
