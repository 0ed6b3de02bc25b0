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
from collections.abc import Callable
from pathlib import Path

from queuecore.domain.task import Task
from tests.soak.faults import Faults
from tests.support.http_producer import HttpProducer
from tests.support.invariants import Summary, check_invariants
from tests.support.system import System, work

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
    async with System(folder, appendfsync="always") as system:
        faults = Faults(system, random.Random(seed))
        await faults.start_missing()
        async with HttpProducer(faults.api_url, _make_tasks(random.Random(seed)), pause_s=0.03) as producer:
            await faults.run_until(time.monotonic() + seconds)
        late = await _wait_until_ended(system, len(producer.accepted))
        summary = await check_invariants(system, producer.accepted)
    _report(faults, producer, summary)
    return [*late, *faults.unresponsive, *_unexpected(producer), *summary.violations]


def _make_tasks(dice: random.Random) -> Callable[[], Task]:
    def make() -> Task:
        kind = dice.choices(
            ["coroutine", "thread", "child", "exiting", "killed-child"],
            [60, 30, 10, 0.2, 0.5],
        )[0]
        fail_times = dice.choices([0, 1, 3], [90, 8, 2])[0]
        if kind in ("exiting", "killed-child"):
            return work(kind, fail_times=1)
        seconds = dice.expovariate(5) if kind == "coroutine" else dice.expovariate(20)
        return work(kind, seconds=min(seconds, 3.0), fail_times=fail_times, priority=dice.randrange(10))

    return make


async def _wait_until_ended(system: System, number: int) -> list[str]:
    try:
        await system.until_ended(number, QUIET_S)
    except AssertionError as error:
        return [f"not all tasks ended: {error}"]
    return []


def _unexpected(producer: HttpProducer) -> list[str]:
    responses = {(response.status, response.code) for response in producer.rejections}
    return [f"the api answered {status} {code}" for status, code in responses - {(503, "STORE_UNAVAILABLE")}]


def _report(faults: Faults, producer: HttpProducer, summary: Summary) -> None:
    slowest_s = max((answer.took_s for answer in producer.responses), default=0.0)
    print(f"tasks run              {len(producer.accepted):>8,}")
    print(f"  completed            {summary.completed:>8,}")
    print(f"  archived             {summary.archived:>8,}")
    print(f"faults injected        {faults.injected.total():>8,}")
    for name, number in faults.injected.most_common():
        print(f"  {name:<20} {number:>8,}")
    print(f"lost                   {summary.lost:>8,}")
    print(f"executions             {summary.executions:>8,}")
    print(f"  duplicated           {summary.repeated:>8,}")
    print(f"requests refused       {len(producer.rejections):>8,}")
    print(f"requests cut off       {producer.disconnects:>8,}")
    print(f"slowest answer         {slowest_s:>8.2f} s")


if __name__ == "__main__":
    main()
