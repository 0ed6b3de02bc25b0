"""Runs in a contender's interpreter, and does with its client what the benchmark asks for.

``python -m benchmarks.peers.agent NAME``. It reads requests, one JSON object a line, and answers each with one line:
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

from benchmarks.ledger import Ledger
from benchmarks.peers.client import Client

ASYNC_CALLERS = 64
THREADS = 16
BATCH = 100
_LOOK_S = 0.0005


async def _done(result: Any) -> Any:
    return await result if inspect.isawaitable(result) else result


class Agent:
    """What can be asked for: the public methods."""

    def __init__(self, client: Client, ledger: Ledger) -> None:
        self._client = client
        self._ledger = ledger

    async def prepare(self) -> None:
        """Make what must be there before the first task, in a store that was emptied."""
        await _done(self._client.prepare())

    async def unfinished(self) -> int:
        """The tasks in the store that have not ended."""
        return int(await _done(self._client.unfinished()))

    async def enqueue(self, kind: str, first: int, count: int, how: str, width: int = 10) -> float:
        """Enqueue the tasks ``first`` to ``first + count - 1``.

        Args:
            how: ``single`` (one after the other), ``concurrent`` or ``batch``.
            width: of the number, in characters.

        Returns:
            Seconds from the first call to the last answer.
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
        """Enqueue one task after the other for an idle worker.

        Returns:
            Per task the milliseconds from the enqueue call to the start of its handler.
        """
        delays = []
        ends_at = time.perf_counter() + seconds
        for number in range(first, first + most):
            if time.perf_counter() > ends_at:
                break
            # By chance, so that it does not keep step with a poll.
            await asyncio.sleep(random.uniform(0.01, 0.03))
            called_ns = time.monotonic_ns()
            await _done(self._client.enqueue("stamp", f"{number:010}"))
            while not self._ledger.ended[number]:  # noqa: ASYNC110 - it happens in another process
                await asyncio.sleep(_LOOK_S)
            delays.append((self._ledger.begun_ns[number] - called_ns) / 1e6)
        return delays

    async def schedule(self, first: int, count: int, ahead_s: float, spread_s: float) -> list[int]:
        """Schedule tasks that fall due one after the other.

        Args:
            ahead_s: from now to the first.
            spread_s: from the first to the last.

        Returns:
            When each is due, ``time.monotonic_ns()``.
        """
        now_s, now_ns = time.time(), time.monotonic_ns()
        due = []
        for place in range(count):
            # Whole milliseconds, as all contenders can say them.
            due_s = round(now_s + ahead_s + spread_s * place / count, 3)
            await _done(self._client.schedule("stamp", f"{first + place:010}", due_s))
            due.append(now_ns + round((due_s - now_s) * 1e9))
        if time.time() > now_s + ahead_s:
            raise RuntimeError(f"{count} tasks could not be scheduled within {ahead_s} s")
        return due


async def _serve(agent: Agent, answers: TextIO) -> None:
    while line := await asyncio.to_thread(sys.stdin.readline):
        request = json.loads(line)
        method: Callable[..., Awaitable[Any]] = getattr(agent, request.pop("do"))
        try:
            reply = {"answer": await method(**request)}
        except Exception as error:  # noqa: BLE001 - told to the benchmark
            reply = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(reply), file=answers, flush=True)


async def _run(name: str, answers: TextIO) -> None:
    client: Client = importlib.import_module(f"benchmarks.peers.{name}").CLIENT
    await _done(client.open())
    await _done(client.prepare())
    print(json.dumps({"answer": "ready"}), file=answers, flush=True)
    await _serve(Agent(client, Ledger(Path(os.environ["BENCH_LEDGER"]))), answers)


def main() -> None:
    # What libraries print must not end up among the answers.
    answers, sys.stdout = sys.stdout, sys.stderr
    try:
        import uvloop  # noqa: PLC0415 - where the contender runs on it
    except ImportError:
        asyncio.run(_run(sys.argv[1], answers))
    else:
        uvloop.run(_run(sys.argv[1], answers))


if __name__ == "__main__":
    main()
