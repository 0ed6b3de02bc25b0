"""Single server against a real Cluster of three: throughput and distribution of queues."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.growth.curve import Curve
from benchmarks.growth.sizes import Sizes
from benchmarks.growth.system_under_test import SystemUnderTest, drain_rate, numbered
from benchmarks.harness.process import cpu_s
from benchmarks.harness.testbed import check_each_ran_once
from queuecore.embedded import EmbeddedValkey
from queuecore.testing.cluster import ValkeyCluster

_WORKERS = 2
_MICRO = 1e6


async def cluster(sizes: Sizes) -> list[Curve]:
    """Compare the same tasks on one server and on three."""
    rates = Curve(
        "cluster", "Throughput of two worker processes: one server and a Cluster of three", "Queues", "tasks/s"
    )
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
    """Tasks per second, and microseconds of the busiest server per task including its enqueue."""
    async with SystemUnderTest(url, folder) as system:
        executions = system.record_executions(count)
        before = [_used_s(server) for server in servers]
        await system.fill(count, lambda number: numbered(number, queue=queues[number % len(queues)]))
        workers = [await system.worker(queues) for _ in range(_WORKERS)]
        rate = await drain_rate(executions, workers, count)
        check_each_ran_once(executions, count)
        used = [_used_s(server) - earlier for server, earlier in zip(servers, before, strict=True)]
        return rate, max(used) / count * _MICRO


def _used_s(server: EmbeddedValkey) -> float:
    assert server.pid is not None
    return cpu_s(server.pid)
