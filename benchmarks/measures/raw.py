"""Raw throughput of the server, an upper bound for every queue on it."""

from __future__ import annotations

import asyncio
import shutil
import time

from benchmarks.plan import Plan
from benchmarks.report.table import RAW
from queuecore.embedded import EmbeddedValkey

_CLIENTS = 50
_DEPTH = 16
_PUSH = b"*3\r\n$5\r\nLPUSH\r\n$9\r\nbench:raw\r\n$3\r\nxxx\r\n"


def tool() -> str:
    """The load generator: redis-benchmark if installed, else one of this module."""
    return "redis-benchmark" if shutil.which("redis-benchmark") else "own pipelined driver"


async def raw(server: EmbeddedValkey, plan: Plan) -> dict[str, dict[str, float]]:
    """LPUSH per second with 50 clients, without and with a pipeline of 16."""
    measure = _redis_benchmark if shutil.which("redis-benchmark") else _push_for
    depths = {"raw_lpush": 1, "raw_lpush_pipelined": _DEPTH}
    return {figure: {RAW: await measure(server, plan, depth)} for figure, depth in depths.items()}


async def _redis_benchmark(server: EmbeddedValkey, plan: Plan, depth: int) -> float:
    count = round(40_000 * plan.raw_s) * (4 if depth > 1 else 1)
    options = ("-p", str(server.port), "-c", str(_CLIENTS), "-P", str(depth), "-n", str(count), "-t", "lpush", "--csv")
    process = await asyncio.create_subprocess_exec("redis-benchmark", *options, stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    return parse_redis_benchmark(output.decode())


def parse_redis_benchmark(csv: str) -> float:
    """Requests per second in the output of ``redis-benchmark --csv``.

    Raises:
        ValueError: the output has no such figure.
    """
    for line in csv.splitlines():
        name, _, rest = line.replace('"', "").partition(",")
        if name.startswith("LPUSH"):
            return float(rest.split(",")[0])
    raise ValueError(f"unexpected output of redis-benchmark: {csv!r}")


async def _push_for(server: EmbeddedValkey, plan: Plan, depth: int) -> float:
    ends_at = time.perf_counter() + plan.raw_s
    began = time.perf_counter()
    counts = await asyncio.gather(*(_push(server, depth, ends_at) for _ in range(_CLIENTS)))
    return sum(counts) / (time.perf_counter() - began)


async def _push(server: EmbeddedValkey, depth: int, ends_at: float) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    count = 0
    while time.perf_counter() < ends_at:
        writer.write(_PUSH * depth)
        for _ in range(depth):
            if not (await reader.readline()).startswith(b":"):
                raise RuntimeError("LPUSH was refused")
        count += depth
    writer.close()
    return count
