"""Where a study is made: a store to fill, and real workers and schedulers on it."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Self

import msgspec

from benchmarks.ledger import Ledger
from benchmarks.processes import Child
from benchmarks.stage import LEASE_S, wait_until
from queuecore.domain.task import Task
from queuecore.testing.builders import make_task
from queuecore.testing.store import TestStore

PATIENCE_S = 300.0
_BATCH = 1_000
_BATCH_BYTES = 4_000_000


class Ground:
    """A store and the processes on it.

    Args:
        url: of the store.
        folder: for ledgers and logs.
    """

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self._folder = folder
        self._numbers = itertools.count()
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        self.store = TestStore(self.url)
        self._ledger = Ledger.create(self._folder / "no.ledger", 1)
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._stack.aclose()
        await self.store.close()

    def ledger(self, size: int) -> Ledger:
        """A ledger for so many tasks, to which later processes write."""
        self._ledger = Ledger.create(self._folder / f"{next(self._numbers)}.ledger", size)
        return self._ledger

    async def worker(self, queues: Sequence[str] = ("default",)) -> Child:
        """A worker process with default settings."""
        return await self._start("queueworker", TASKYARD_WORKER_QUEUES=",".join(queues))

    async def scheduler(self) -> Child:
        """A scheduler process."""
        return await self._start("queuescheduler")

    async def _start(self, module: str, **variables: str) -> Child:
        variables |= {
            "BENCH_REDIS_URL": self.url,
            "BENCH_LEDGER": str(self._ledger.path),
            "BENCH_SLOTS": "100",
            "BENCH_LEASE_S": str(LEASE_S),
            "TASKYARD_REDIS_URL": self.url,
            "TASKYARD_LOG_LEVEL": "warning",
            "TASKYARD_WORKER_HANDLERS": "benchmarks.peers.taskyard:handlers",
            "TASKYARD_WORKER_PROBE_PORT": "0",
            "TASKYARD_SCHEDULER_PROBE_PORT": "0",
        }
        log = self._folder / f"{module}-{next(self._numbers)}.log"
        child = await Child.start((sys.executable, "-m", module), variables, log)
        self._stack.push_async_callback(child.kill)
        return child

    async def fill(self, count: int, make: Callable[[int], Task], task_bytes: int = 100) -> list[str]:
        """Enqueue the tasks that ``make`` makes of 0 to ``count - 1``.

        Returns:
            Their ids.
        """
        size = max(1, min(_BATCH, _BATCH_BYTES // task_bytes))
        numbers, ids = iter(range(count)), []
        while batch := [make(number) for number in itertools.islice(numbers, size)]:
            await self.store.enqueue(*batch)
            ids += [task.id for task in batch]
        return ids


async def drain_rate(ledger: Ledger, workers: list[Child], last: int) -> float:
    """Tasks per second from the moment when a tenth of ``last`` tasks have ended to when all have."""
    began = await wait_until(
        lambda: ledger.count_ended() >= max(1, last // 10), PATIENCE_S, workers, "the first tasks ended"
    )
    done = ledger.count_ended()
    ended = await wait_until(lambda: ledger.count_ended() >= last, PATIENCE_S, workers, f"{last} tasks ended")
    return (ledger.count_ended() - done) / (ended - began)


def numbered(number: int, kind: str = "noop", filler: int = 0, **fields: object) -> Task:
    """A task that the benchmark's handlers take; ``filler`` characters make its payload larger."""
    payload = {"number": f"{number:010}"}
    if filler:
        payload["filler"] = "x" * filler
    return make_task(type=kind, payload=msgspec.json.encode(payload), **fields)
