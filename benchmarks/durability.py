"""Throughput of each level of durability beside ``memory``: ``python -m benchmarks.durability [rounds]``.

Each level has a server of its own on loopback: one that syncs its file each second, one that syncs each write, and a
primary with a replica. The levels take turns, so that all of them see the same load of the machine.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from time import perf_counter

from queuecore.domain.durability import FSYNC, MEMORY, Durability
from queuecore.embedded import EmbeddedValkey
from queuecore.store.queues.limits import QueueLimits
from queuecore.store.tasks.enqueue import Enqueue, Enqueued, Enqueuer
from queuecore.testing.builders import make_task
from queuecore.testing.replica_set import ReplicaSet
from queuecore.testing.store import TestStore

ROUNDS = 7
_SINGLES = 300
_BATCHES = 30
_BATCH_SIZE = 100
_IN_FLIGHT = 4


def main() -> None:
    """Run the command, and print a table."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    with tempfile.TemporaryDirectory(prefix="taskyard-durability-") as folder, ExitStack() as stack:
        print("\n".join(asyncio.run(_measure(Path(folder), stack, rounds))))


async def _measure(folder: Path, stack: ExitStack, rounds: int) -> list[str]:
    plain = stack.enter_context(EmbeddedValkey(folder / "plain", append_only=True))
    always = {"appendfsync": "always"}
    syncing = stack.enter_context(EmbeddedValkey(folder / "syncing", append_only=True, config=always))
    copied = ReplicaSet(folder / "copied")
    stack.callback(copied.stop)
    await copied.start()
    servers = {MEMORY: plain.url, FSYNC: syncing.url, Durability("replicas", 1): copied.primary.url}
    stores = {level: TestStore(url, patient=True) for level, url in servers.items()}
    enqueuers = {level: Enqueuer(store.server, QueueLimits(durability=level)) for level, store in stores.items()}
    singles: dict[Durability, list[float]] = {level: [] for level in servers}
    batches: dict[Durability, list[float]] = {level: [] for level in servers}
    for _ in range(rounds):
        for level, enqueuer in enqueuers.items():
            singles[level].append(await _rate_of_singles(enqueuer))
            batches[level].append(await _rate_of_batches(enqueuer))
    for store in stores.values():
        await store.close()
    rows = [
        "| Level | One by one, tasks/s | Ratio | Batches of 100, 4 in flight, tasks/s | Ratio |",
        "|---|---|---|---|---|",
    ]
    for level in servers:
        one, many = median(singles[level]), median(batches[level])
        ratios = one / median(singles[MEMORY]), many / median(batches[MEMORY])
        rows.append(f"| `{level}` | {one:,.0f} | {ratios[0]:.2f} | {many:,.0f} | {ratios[1]:.2f} |")
    return rows


async def _rate_of_singles(enqueuer: Enqueuer) -> float:
    begun_s = perf_counter()
    for _ in range(_SINGLES):
        await _enqueue(enqueuer, 1)
    return _SINGLES / (perf_counter() - begun_s)


async def _rate_of_batches(enqueuer: Enqueuer) -> float:
    begun_s = perf_counter()

    async def call(batches: int) -> None:
        for _ in range(batches):
            await _enqueue(enqueuer, _BATCH_SIZE)

    await asyncio.gather(*(call(_BATCHES // _IN_FLIGHT) for _ in range(_IN_FLIGHT)))
    return _IN_FLIGHT * (_BATCHES // _IN_FLIGHT) * _BATCH_SIZE / (perf_counter() - begun_s)


async def _enqueue(enqueuer: Enqueuer, number: int) -> None:
    results = await enqueuer.enqueue([Enqueue(make_task()) for _ in range(number)])
    if refused := [result for result in results if not isinstance(result, Enqueued)]:
        raise AssertionError(refused[0])


if __name__ == "__main__":
    main()
