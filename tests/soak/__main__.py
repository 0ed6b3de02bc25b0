"""Soak test: steady load and random faults, then a check of every task: ``python -m tests.soak [seconds [seed]]``.

Runs on loopback, with its own server and services.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

from queuecore.testing.proxy import FaultyProxy
from tests.soak.damage import Damage
from tests.soak.faults import Faults
from tests.soak.late_runs import find_late_runs
from tests.soak.load import make_tasks
from tests.soak.memory import MemoryWatch
from tests.soak.services import Services
from tests.soak.store_clock import StoreClock
from tests.support.http_producer import HttpProducer
from tests.support.invariants import Summary, check_invariants
from tests.support.system import System

DEFAULT_S = 600
MOST_S = 1_800
QUIET_S = 120.0
"""Limit for the last tasks after the end of the faults."""
SHOWN = 20


def main() -> None:
    """Run the command; exit code 1 after a violation."""
    arguments = argparse.ArgumentParser(prog="python -m tests.soak", description="Steady load and random faults.")
    arguments.add_argument("seconds", type=int, nargs="?", default=DEFAULT_S, help=f"1 to {MOST_S}")
    arguments.add_argument("seed", type=int, nargs="?", default=random.SystemRandom().randrange(2**32))
    given = arguments.parse_args()
    if not 1 <= given.seconds <= MOST_S:
        arguments.error(f"{given.seconds} s is out of range, 1 to {MOST_S}")
    print(f"{given.seconds} s of faults, seed {given.seed}", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="taskyard-soak-"))
    violations = asyncio.run(_soak(folder, given.seconds, given.seed))
    print("\n".join(violations[:SHOWN]) or "no violations")
    if violations:
        sys.exit(f"{len(violations)} violations; logs and data are in {folder}")
    shutil.rmtree(folder)


async def _soak(folder: Path, seconds: float, seed: int) -> list[str]:
    dice, clock = random.Random(seed), StoreClock(folder)
    if clock.binary is None:
        print("SKIPPED: the store's clock does NOT jump, because Debian's package libfaketime is not installed")
    async with (
        System(folder, binary=clock.binary, appendfsync="always") as system,
        FaultyProxy(system.valkey.port) as proxy,
        MemoryWatch(system) as memory,
    ):
        services, damage = Services(system, proxy.url, dice), Damage(system.store, dice)
        faults = Faults(system, services, proxy, clock, damage, dice)
        await services.start_missing()
        async with HttpProducer(services.api.url, make_tasks(random.Random(seed)), pause_s=0.03) as producer:
            await faults.run_until(time.monotonic() + seconds)
        unfinished = await damage.settle(QUIET_S) + await _wait_until_ended(system, len(producer.accepted))
        summary = await check_invariants(system, producer.accepted)
        late = find_late_runs(system)
    _report(faults, producer, memory, summary)
    return [
        *unfinished,
        *late,
        *faults.violations,
        *services.violations,
        *memory.violations(),
        *_unexpected(producer),
        *summary.violations,
    ]


async def _wait_until_ended(system: System, number: int) -> list[str]:
    try:
        await system.until_ended(number, QUIET_S)
    except AssertionError as error:
        return [f"not all tasks ended: {error}"]
    return []


def _unexpected(producer: HttpProducer) -> list[str]:
    responses = {(response.status, response.code) for response in producer.rejections}
    return [f"the api answered {status} {code}" for status, code in responses - {(503, "STORE_UNAVAILABLE")}]


def _report(faults: Faults, producer: HttpProducer, memory: MemoryWatch, summary: Summary) -> None:
    slowest_s = max((answer.took_s for answer in producer.responses), default=0.0)
    print(f"tasks run              {len(producer.accepted):>8,}")
    print(f"  completed            {summary.completed:>8,}")
    print(f"  archived             {summary.archived:>8,}")
    print(f"faults injected        {faults.injected.total():>8,}")
    for name, number in faults.injected.most_common():
        print(f"  {name:<22} {number:>8,}")
    print(f"lost                   {summary.lost:>8,}")
    print(f"never run              {summary.never_run:>8,}")
    print(f"executions             {summary.executions:>8,}")
    print(f"  duplicated           {summary.repeated:>8,}")
    print(f"  after a success      {summary.late:>8,}")
    print(f"requests refused       {len(producer.rejections):>8,}")
    print(f"requests cut off       {producer.disconnects:>8,}")
    print(f"slowest answer         {slowest_s:>8.2f} s")
    for name, peak in memory.peaks.items():
        print(f"peak of {name:<24} {peak / 1024**2:>7.0f} MiB")


if __name__ == "__main__":
    main()
