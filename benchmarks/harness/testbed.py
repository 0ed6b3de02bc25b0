"""Testbed of one contender: its processes and one database of the shared server."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from redis.asyncio import Redis

from benchmarks.harness.execution_log import ExecutionLog
from benchmarks.harness.process import Child, DriverClient
from benchmarks.peers.contender import Arguments, Contender
from benchmarks.peers.environment import interpreter
from queuecore.embedded import EmbeddedValkey

LEASE_S = 15
_POLL_S = 0.005


class Testbed:
    """One contender on an empty database.

    Args:
        contender: the queue under test.
        server: shared by all contenders.
        folder: for execution logs and process output.
        timeout_s: limit of one request to its client.
        database: number of the server's database.
    """

    def __init__(
        self, contender: Contender, server: EmbeddedValkey, folder: Path, timeout_s: float, database: int = 0
    ) -> None:
        self.contender = contender
        self.server = server
        self.folder = folder
        self._timeout_s = timeout_s
        self.url = f"{server.url.rpartition('/')[0]}/{database}"
        self.redis: Any = Redis.from_url(self.url)
        self._numbers = itertools.count()
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Testbed:
        await self.redis.flushdb()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._stack.aclose()
        await self.redis.aclose()

    def record_executions(self, size: int) -> ExecutionLog:
        """An execution log for ``size`` tasks; processes started later write to it."""
        path = self.folder / f"{self.contender.name}-{next(self._numbers)}.executions"
        self._executions = ExecutionLog.create(path, size)
        return self._executions

    async def driver(self, slots: int | None = None) -> DriverClient:
        """The contender's connected client."""
        module = ("-m", "benchmarks.peers.driver", self.contender.name)
        driver = DriverClient(await self._start(module, slots, piped=True), self._timeout_s)
        await driver.ready()
        return driver

    async def worker(self, slots: int | None = None) -> Child:
        """Start one worker process, without waiting until it is ready."""
        slots = slots or self.contender.slots
        return await self._start(self.contender.worker(slots), slots)

    async def auxiliaries(self) -> list[Child]:
        """Start the contender's other processes."""
        return [await self._start(arguments, None) for arguments in self.contender.auxiliaries]

    async def _start(self, arguments: Arguments, slots: int | None, *, piped: bool = False) -> Child:
        variables = {
            "BENCH_REDIS_URL": self.url,
            "BENCH_EXECUTION_LOG": str(self._executions.path),
            "BENCH_SLOTS": str(slots or self.contender.slots),
            "BENCH_LEASE_S": str(LEASE_S),
            # Taskyard is configured with its usual variables.
            "TASKYARD_REDIS_URL": self.url,
            "TASKYARD_LOG_LEVEL": "warning",
            "TASKYARD_WORKER_APPS": "benchmarks.peers.taskyard:app",
            "TASKYARD_WORKER_SLOTS": str(slots or self.contender.slots),
            "TASKYARD_WORKER_PROBE_PORT": "0",
            "TASKYARD_SCHEDULER_PROBE_PORT": "0",
        }
        log = self.folder / f"{self.contender.name}-{next(self._numbers)}.log"
        command = (str(interpreter(self.contender.name)), *arguments)
        child = await Child.start(command, variables, log, piped=piped)
        self._stack.push_async_callback(child.kill)
        return child


async def wait_until(reached: Callable[[], bool], within_s: float, workers: list[Child], what: str) -> float:
    """Poll until a condition holds in other processes.

    Returns:
        When it was observed, ``time.perf_counter()``.

    Raises:
        RuntimeError: a worker ended meanwhile.
        TimeoutError: the condition did not hold in time.
    """
    ends_at = time.perf_counter() + within_s
    while not reached():
        if time.perf_counter() > ends_at:
            raise TimeoutError(f"not within {within_s:.0f} s: {what}; output of a worker: {workers[0].tail()}")
        for worker in workers:
            worker.check()
        await asyncio.sleep(_POLL_S)
    return time.perf_counter()


async def wait_until_settled(driver: DriverClient, within_s: float) -> None:
    """Wait until the store holds no unfinished task.

    Raises:
        AssertionError: tasks are left.
    """
    ends_at = time.perf_counter() + within_s
    while left := await driver.call("unfinished"):
        if time.perf_counter() > ends_at:
            raise AssertionError(f"{left} tasks are unfinished in the store, though all handlers ended")
        await asyncio.sleep(0.05)


def check_each_ran_once(executions: ExecutionLog, count: int) -> None:
    """Check that every task ran exactly once.

    Raises:
        AssertionError: a task did not.
    """
    once = executions.count_ended(1)
    if once != count or executions.count_ended() != count:
        raise AssertionError(f"of {count} tasks {once} ran once, {executions.count_ended() - once} more than once")
