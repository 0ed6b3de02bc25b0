"""What tasks do, the same for every contender. A task is told its number, as decimal text of a fixed width."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

from benchmarks.ledger import Ledger
from benchmarks.peers.catalogue import NAP_S

HOLD_S = 1.0

URL = os.environ["BENCH_REDIS_URL"]
SLOTS = int(os.environ["BENCH_SLOTS"])
LEASE_S = int(os.environ["BENCH_LEASE_S"])
"""How long a lost worker's tasks stay with it, where a contender lets that be chosen."""

_ledger = Ledger(Path(os.environ["BENCH_LEDGER"]))


def noop(number: str) -> None:
    """Nothing but the note that it ran."""
    _ledger.ended[int(number)] += 1


def stamp(number: str) -> None:
    """Tell when it began."""
    _ledger.begun_ns[int(number)] = time.monotonic_ns()
    _ledger.ended[int(number)] += 1


async def nap(number: str) -> None:
    """Wait a little, as for an answer of another service."""
    await asyncio.sleep(NAP_S)
    _ledger.ended[int(number)] += 1


def nap_blocking(number: str) -> None:
    """The same in a thread or process."""
    time.sleep(NAP_S)
    _ledger.ended[int(number)] += 1


async def hold(number: str) -> None:
    """Run long enough to be killed meanwhile."""
    _begin(int(number))
    await asyncio.sleep(HOLD_S)
    _ledger.ended[int(number)] += 1


def hold_blocking(number: str) -> None:
    """The same in a thread or process."""
    _begin(int(number))
    time.sleep(HOLD_S)
    _ledger.ended[int(number)] += 1


def _begin(number: int) -> None:
    _ledger.begun_ns[number] = time.monotonic_ns()
    _ledger.begun[number] += 1
