"""One server, and a real Cluster of three: what more nodes bring, and how queues spread over them."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.growth.curve import Curve
from benchmarks.growth.ground import Ground, drain_rate, numbered
from benchmarks.growth.sizes import Sizes
from benchmarks.processes import cpu_s
from benchmarks.stage import check_each_ran_once
from queuecore.embedded import EmbeddedValkey
from queuecore.testing.cluster import ValkeyCluster

_WORKERS = 2
_MICRO = 1e6


async def cluster(sizes: Sizes) -> list[Curve]:
    """The same tasks on one server and on three."""
    rates = Curve("cluster", "Two worker processes, one server and a Cluster of three", "Queues", "tasks/s")
    costs = Curve("cluster-server", "Processor time of the busiest server", "Queues", "us per task of all queues", 1)
    for size in sizes.cluster_queues:
        with TemporaryDirectory(prefix="bench-") as name:
            folder = Path(name)
            with EmbeddedValkey(folder / "single") as server:
                names = [f"queue-{number}" for number in range(size)]
                rate, busiest = await _measure(server.url, [server], names, sizes.processed, folder)
                rates.add(size, {"one server": rate})
                costs.add(size, {"one server": busiest})
            nodes = ValkeyCluster(folder / "cluster")
            await nodes.start()
            try:
                names = await nodes.queues_apart() if size == len(nodes.nodes) else names
                servers = [node.embedded for node in nodes.nodes]
                rate, busiest = await _measure(nodes.url, servers, names, sizes.processed, folder)
                rates.add(size, {"Cluster of three": rate})
                costs.add(size, {"Cluster of three": busiest})
            finally:
                nodes.stop()
    return [rates, costs]


async def _measure(
    url: str, servers: list[EmbeddedValkey], queues: list[str], count: int, folder: Path
) -> tuple[float, float]:
    """Tasks per second; microseconds of the busiest server per task, the enqueue included."""
    async with Ground(url, folder) as ground:
        ledger = ground.ledger(count)
        before = [_used_s(server) for server in servers]
        await ground.fill(count, lambda number: numbered(number, queue=queues[number % len(queues)]))
        workers = [await ground.worker(queues) for _ in range(_WORKERS)]
        rate = await drain_rate(ledger, workers, count)
        check_each_ran_once(ledger, count)
        used = [_used_s(server) - earlier for server, earlier in zip(servers, before, strict=True)]
        return rate, max(used) / count * _MICRO


def _used_s(server: EmbeddedValkey) -> float:
    assert server.pid is not None
    return cpu_s(server.pid)
