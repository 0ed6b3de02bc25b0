"""Driver process: runs in a contender's interpreter and executes the benchmark's requests with the contender's client.

``python -m benchmarks.peers.driver NAME`` reads requests, one JSON object per line, and answers each with one line:
``{"answer": ...}`` or ``{"error": "..."}``.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import itertools
import json
import os
import random
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TextIO

from benchmarks.harness.execution_log import ExecutionLog
from benchmarks.peers.client import Client

ASYNC_CALLERS = 64
THREADS = 16
BATCH = 100
_POLL_S = 0.0005


async def _done(result: Any) -> Any:
    return await result if inspect.isawaitable(result) else result


class Driver:
    """Requests of the benchmark: each public method is one."""

    def __init__(self, client: Client, executions: ExecutionLog) -> None:
        self._client = client
        self._executions = executions

    async def prepare(self) -> None:
        """Create what the queue needs before the first task, in an empty store."""
        await _done(self._client.prepare())

    async def unfinished(self) -> int:
        """Count the unfinished tasks in the store."""
        return int(await _done(self._client.unfinished()))

    async def enqueue(self, kind: str, first: int, count: int, how: str, width: int = 10) -> float:
        """Enqueue the tasks ``first`` to ``first + count - 1``.

        Args:
            how: ``single`` (one after the other), ``concurrent`` or ``batch``.
            width: of the number, in characters.

        Returns:
            Seconds from the first call to the last reply.
        """
        numbers = (f"{number:0{width}}" for number in range(first, first + count))
        began = time.perf_counter()
        if how == "single":
            for number in numbers:
                await _done(self._client.enqueue(kind, number))
        elif how == "batch":
            while batch := list(itertools.islice(numbers, BATCH)):
                await _done(self._client.enqueue_batch(kind, batch))
        elif inspect.iscoroutinefunction(self._client.enqueue):
            await asyncio.gather(*(self._enqueue_each(kind, numbers) for _ in range(ASYNC_CALLERS)))
        else:
            with ThreadPoolExecutor(THREADS) as threads:
                list(threads.map(lambda number: self._client.enqueue(kind, number), numbers))
        return time.perf_counter() - began

    async def _enqueue_each(self, kind: str, numbers: Iterator[str]) -> None:
        for number in numbers:
            await _done(self._client.enqueue(kind, number))

    async def pick_up(self, first: int, most: int, seconds: float) -> list[float]:
        """Enqueue tasks one by one for an idle worker.

        Returns:
            Milliseconds from each enqueue call to the start of the handler.
        """
        delays = []
        ends_at = time.perf_counter() + seconds
        for number in range(first, first + most):
            if time.perf_counter() > ends_at:
                break
            # Random, so that enqueues do not synchronize with a poll.
            await asyncio.sleep(random.uniform(0.01, 0.03))
            called_ns = time.monotonic_ns()
            await _done(self._client.enqueue("stamp", f"{number:010}"))
            while not self._executions.ended[number]:  # noqa: ASYNC110 - set by another process
                await asyncio.sleep(_POLL_S)
            delays.append((self._executions.begun_ns[number] - called_ns) / 1e6)
        return delays

    async def schedule(self, first: int, count: int, ahead_s: float, spread_s: float) -> list[int]:
        """Schedule tasks with evenly spread due times.

        Args:
            ahead_s: seconds from now to the first due time.
            spread_s: seconds from the first to the last due time.

        Returns:
            The due times, ``time.monotonic_ns()``.
        """
        now_s, now_ns = time.time(), time.monotonic_ns()
        due = []
        for place in range(count):
            # Whole milliseconds, a resolution that all contenders support.
            due_s = round(now_s + ahead_s + spread_s * place / count, 3)
            await _done(self._client.schedule("stamp", f"{first + place:010}", due_s))
            due.append(now_ns + round((due_s - now_s) * 1e9))
        if time.time() > now_s + ahead_s:
            raise RuntimeError(f"{count} tasks could not be scheduled within {ahead_s} s")
        return due


async def _serve(driver: Driver, answers: TextIO) -> None:
    while line := await asyncio.to_thread(sys.stdin.readline):
        request = json.loads(line)
        method: Callable[..., Awaitable[Any]] = getattr(driver, request.pop("do"))
        try:
            reply = {"answer": await method(**request)}
        except Exception as error:  # noqa: BLE001 - sent to the benchmark
            reply = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(reply), file=answers, flush=True)


async def _run(name: str, answers: TextIO) -> None:
    client: Client = importlib.import_module(f"benchmarks.peers.{name}").CLIENT
    await _done(client.open())
    await _done(client.prepare())
    print(json.dumps({"answer": "ready"}), file=answers, flush=True)
    await _serve(Driver(client, ExecutionLog(Path(os.environ["BENCH_EXECUTION_LOG"]))), answers)


def main() -> None:
    # Keep output of libraries out of the replies.
    answers, sys.stdout = sys.stdout, sys.stderr
    try:
        import uvloop  # noqa: PLC0415 - installed only for contenders that use it
    except ImportError:
        asyncio.run(_run(sys.argv[1], answers))
    else:
        uvloop.run(_run(sys.argv[1], answers))


if __name__ == "__main__":
    main()
