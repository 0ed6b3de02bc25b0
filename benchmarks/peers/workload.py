"""Handler bodies shared by all contenders. The argument of a task is its number, decimal text of a fixed width."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

from benchmarks.harness.execution_log import ExecutionLog
from benchmarks.peers.contender import NAP_S

HOLD_S = 1.0

URL = os.environ["BENCH_REDIS_URL"]
SLOTS = int(os.environ["BENCH_SLOTS"])
LEASE_S = int(os.environ["BENCH_LEASE_S"])
"""Time after which tasks of a lost worker are retried, for contenders with such a setting."""

_executions = ExecutionLog(Path(os.environ["BENCH_EXECUTION_LOG"]))


def noop(number: str) -> None:
    """Record the execution and do nothing else."""
    _executions.ended[int(number)] += 1


def stamp(number: str) -> None:
    """Record the time of the start."""
    _executions.begun_ns[int(number)] = time.monotonic_ns()
    _executions.ended[int(number)] += 1


async def nap(number: str) -> None:
    """Sleep briefly, like a handler that waits for another service."""
    await asyncio.sleep(NAP_S)
    _executions.ended[int(number)] += 1


def nap_blocking(number: str) -> None:
    """The same in a thread or process."""
    time.sleep(NAP_S)
    _executions.ended[int(number)] += 1


async def hold(number: str) -> None:
    """Run long enough to be killed while running."""
    _begin(int(number))
    await asyncio.sleep(HOLD_S)
    _executions.ended[int(number)] += 1


def hold_blocking(number: str) -> None:
    """The same in a thread or process."""
    _begin(int(number))
    time.sleep(HOLD_S)
    _executions.ended[int(number)] += 1


def _begin(number: int) -> None:
    _executions.begun_ns[number] = time.monotonic_ns()
    _executions.begun[number] += 1
