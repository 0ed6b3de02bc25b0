"""Where one contender is measured: its processes, on one database of the server that all share."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from redis.asyncio import Redis

from benchmarks.ledger import Ledger
from benchmarks.peers.catalogue import Arguments, Contender
from benchmarks.peers.environments import interpreter
from benchmarks.processes import AgentCall, Child
from queuecore.embedded import EmbeddedValkey

LEASE_S = 15
_LOOK_S = 0.005


class Stage:
    """One contender on an empty database.

    Args:
        contender: who is measured.
        server: that all share.
        folder: for ledgers and logs.
        timeout_s: how long one request to its client may take.
        database: of the server.
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

    async def __aenter__(self) -> Stage:
        await self.redis.flushdb()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._stack.aclose()
        await self.redis.aclose()

    def ledger(self, size: int) -> Ledger:
        """A ledger for so many tasks; later processes write to it."""
        self._ledger = Ledger.create(self.folder / f"{self.contender.name}-{next(self._numbers)}.ledger", size)
        return self._ledger

    async def agent(self, slots: int | None = None) -> AgentCall:
        """The contender's client, connected."""
        module = ("-m", "benchmarks.peers.agent", self.contender.name)
        agent = AgentCall(await self._start(module, slots, piped=True), self._timeout_s)
        await agent.ready()
        return agent

    async def worker(self, slots: int | None = None) -> Child:
        """One worker process; it may not be ready yet."""
        slots = slots or self.contender.slots
        return await self._start(self.contender.worker(slots), slots)

    async def companions(self) -> list[Child]:
        """The contender's other processes."""
        return [await self._start(arguments, None) for arguments in self.contender.companions]

    async def _start(self, arguments: Arguments, slots: int | None, *, piped: bool = False) -> Child:
        variables = {
            "BENCH_REDIS_URL": self.url,
            "BENCH_LEDGER": str(self._ledger.path),
            "BENCH_SLOTS": str(slots or self.contender.slots),
            "BENCH_LEASE_S": str(LEASE_S),
            # Ours is started as it is everywhere.
            "TASKYARD_REDIS_URL": self.url,
            "TASKYARD_LOG_LEVEL": "warning",
            "TASKYARD_WORKER_HANDLERS": "benchmarks.peers.taskyard:handlers",
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
    """Wait for what happens in other processes.

    Returns:
        When it was seen, ``time.perf_counter()``.

    Raises:
        RuntimeError: a worker ended meanwhile.
        TimeoutError: it did not happen in time.
    """
    ends_at = time.perf_counter() + within_s
    while not reached():
        if time.perf_counter() > ends_at:
            raise TimeoutError(f"not within {within_s:.0f} s: {what}; a worker said: {workers[0].tail()}")
        for worker in workers:
            worker.check()
        await asyncio.sleep(_LOOK_S)
    return time.perf_counter()


async def wait_until_settled(agent: AgentCall, within_s: float) -> None:
    """Wait until the store holds no unfinished task.

    Raises:
        AssertionError: tasks are left.
    """
    ends_at = time.perf_counter() + within_s
    while left := await agent.ask("unfinished"):
        if time.perf_counter() > ends_at:
            raise AssertionError(f"{left} tasks are unfinished in the store, though all handlers ended")
        await asyncio.sleep(0.05)


def check_each_ran_once(ledger: Ledger, count: int) -> None:
    """See that of all tasks each ran exactly once.

    Raises:
        AssertionError: one did not.
    """
    once = ledger.count_ended(1)
    if once != count or ledger.count_ended() != count:
        raise AssertionError(f"of {count} tasks {once} ran once, {ledger.count_ended() - once} more than once")
