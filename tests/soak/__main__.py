"""Steady load and random faults for a while, then a look at every task: ``python -m tests.soak [seconds [seed]]``.

Everything happens on loopback, with a server and services that end with the run.
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
from tests.support.audit import Tally, examine
from tests.support.posting import Posting
from tests.support.system import System, work

DEFAULT_S = 600
MOST_S = 1_800
QUIET_S = 120.0
"""How long the last tasks may take when all harm is over."""
SHOWN = 20


def main() -> None:
    """Run as the command line says; exit code 1 when something was wrong."""
    arguments = argparse.ArgumentParser(prog="python -m tests.soak", description="Steady load and random faults.")
    arguments.add_argument("seconds", type=int, nargs="?", default=DEFAULT_S, help=f"1 to {MOST_S}")
    arguments.add_argument("seed", type=int, nargs="?", default=random.SystemRandom().randrange(2**32))
    given = arguments.parse_args()
    if not 1 <= given.seconds <= MOST_S:
        arguments.error(f"{given.seconds} s is out of range; it takes 1 to {MOST_S}")
    print(f"{given.seconds} s of faults, seed {given.seed}", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="taskyard-soak-"))
    wrong = asyncio.run(_soak(folder, given.seconds, given.seed))
    print("\n".join(wrong[:SHOWN]) or "nothing was wrong")
    if wrong:
        sys.exit(f"{len(wrong)} things were wrong; logs and data are in {folder}")
    shutil.rmtree(folder)


async def _soak(folder: Path, seconds: float, seed: int) -> list[str]:
    async with System(folder, appendfsync="always") as system:
        faults = Faults(system, random.Random(seed))
        await faults.man()
        async with Posting(faults.api_url, _make_tasks(random.Random(seed)), pause_s=0.03) as posting:
            await faults.run_until(time.monotonic() + seconds)
        late = await _wait_until_ended(system, len(posting.accepted))
        tally = await examine(system, posting.accepted)
    _report(faults, posting, tally)
    return [*late, *faults.deaf, *_unexpected(posting), *tally.wrong]


def _make_tasks(dice: random.Random) -> Callable[[], Task]:
    def make() -> Task:
        kind = dice.choices(
            ["coroutine", "thread", "child", "exiting", "shot"],
            [60, 30, 10, 0.2, 0.5],
        )[0]
        fail_times = dice.choices([0, 1, 3], [90, 8, 2])[0]
        if kind in ("exiting", "shot"):
            return work(kind, fail_times=1)
        seconds = dice.expovariate(5) if kind == "coroutine" else dice.expovariate(20)
        return work(kind, seconds=min(seconds, 3.0), fail_times=fail_times, priority=dice.randrange(10))

    return make


async def _wait_until_ended(system: System, number: int) -> list[str]:
    try:
        await system.until_ended(number, QUIET_S)
    except AssertionError as error:
        return [f"not all tasks came to an end: {error}"]
    return []


def _unexpected(posting: Posting) -> list[str]:
    answers = {(answer.status, answer.code) for answer in posting.refusals}
    return [f"the api answered {status} {code}" for status, code in answers - {(503, "STORE_UNAVAILABLE")}]


def _report(faults: Faults, posting: Posting, tally: Tally) -> None:
    slowest_s = max((answer.took_s for answer in posting.answers), default=0.0)
    print(f"tasks run              {len(posting.accepted):>8,}")
    print(f"  completed            {tally.completed:>8,}")
    print(f"  archived             {tally.archived:>8,}")
    print(f"faults injected        {faults.injected.total():>8,}")
    for name, number in faults.injected.most_common():
        print(f"  {name:<20} {number:>8,}")
    print(f"lost                   {tally.lost:>8,}")
    print(f"executions             {tally.executions:>8,}")
    print(f"  duplicated           {tally.repeated:>8,}")
    print(f"requests refused       {len(posting.refusals):>8,}")
    print(f"requests cut off       {posting.broken:>8,}")
    print(f"slowest answer         {slowest_s:>8.2f} s")


if __name__ == "__main__":
    main()
