"""System under test: a store, and real workers and schedulers on it."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Self

import msgspec

from benchmarks.harness.execution_log import ExecutionLog
from benchmarks.harness.process import Child
from benchmarks.harness.testbed import LEASE_S, wait_until
from queuecore.domain.task import Task
from queuecore.testing.builders import make_task
from queuecore.testing.store import TestStore

TIMEOUT_S = 300.0
_BATCH = 1_000
_BATCH_BYTES = 4_000_000


class SystemUnderTest:
    """A store and the processes on it.

    Args:
        url: of the store.
        folder: for execution logs and process output.
    """

    def __init__(self, url: str, folder: Path) -> None:
        self.url = url
        self._folder = folder
        self._numbers = itertools.count()
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        self.store = TestStore(self.url)
        self._executions = ExecutionLog.create(self._folder / "empty.executions", 1)
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._stack.aclose()
        await self.store.close()

    def record_executions(self, size: int) -> ExecutionLog:
        """An execution log for ``size`` tasks; processes started later write to it."""
        self._executions = ExecutionLog.create(self._folder / f"{next(self._numbers)}.executions", size)
        return self._executions

    async def worker(self, queues: Sequence[str] = ("default",)) -> Child:
        """Start a worker process with default settings."""
        return await self._start("queueworker", TASKYARD_WORKER_QUEUES=",".join(queues))

    async def scheduler(self) -> Child:
        """Start a scheduler process."""
        return await self._start("queuescheduler")

    async def _start(self, module: str, **variables: str) -> Child:
        variables |= {
            "BENCH_REDIS_URL": self.url,
            "BENCH_EXECUTION_LOG": str(self._executions.path),
            "BENCH_SLOTS": "100",
            "BENCH_LEASE_S": str(LEASE_S),
            "TASKYARD_REDIS_URL": self.url,
            "TASKYARD_LOG_LEVEL": "warning",
            "TASKYARD_WORKER_APPS": "benchmarks.peers.taskyard:app",
            "TASKYARD_WORKER_PROBE_PORT": "0",
            "TASKYARD_SCHEDULER_PROBE_PORT": "0",
        }
        log = self._folder / f"{module}-{next(self._numbers)}.log"
        child = await Child.start((sys.executable, "-m", module), variables, log)
        self._stack.push_async_callback(child.kill)
        return child

    async def fill(self, count: int, make: Callable[[int], Task], task_bytes: int = 100) -> list[str]:
        """Enqueue the tasks that ``make`` builds from 0 to ``count - 1``.

        Returns:
            Their ids.
        """
        size = max(1, min(_BATCH, _BATCH_BYTES // task_bytes))
        numbers, ids = iter(range(count)), []
        while batch := [make(number) for number in itertools.islice(numbers, size)]:
            await self.store.enqueue(*batch)
            ids += [task.id for task in batch]
        return ids


async def drain_rate(executions: ExecutionLog, workers: list[Child], last: int) -> float:
    """Tasks per second between the completion of a tenth of ``last`` tasks and of all."""
    began = await wait_until(
        lambda: executions.count_ended() >= max(1, last // 10), TIMEOUT_S, workers, "the first tasks ended"
    )
    done = executions.count_ended()
    ended = await wait_until(lambda: executions.count_ended() >= last, TIMEOUT_S, workers, f"{last} tasks ended")
    return (executions.count_ended() - done) / (ended - began)


def numbered(number: int, kind: str = "noop", filler: int = 0, **fields: object) -> Task:
    """A task for the benchmark's handlers; ``filler`` characters enlarge its payload."""
    payload = {"number": f"{number:010}"}
    if filler:
        payload["filler"] = "x" * filler
    return make_task(type=kind, payload=msgspec.json.encode(payload), **fields)
