"""What telemetry costs: no-op throughput with it, as a share of the throughput without it.

Each way of running is measured beside a worker without telemetry, one right after the other and in turns first, so that
neither is in the other's way and both meet the machine's moods alike; the figures are medians of the rounds' ratios.
Throughput is counted twice: by the
clock, and by the processor time that the worker took, which holds better on a machine that has other things to do.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import statistics
import subprocess
import sys
import time
import timeit
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import httpx
import uvloop

from benchmarks.servers import valkey, worker
from queuecore.embedded import find_free_port
from queuecore.testing.builders import make_task
from queuecore.testing.collector import Collector, http_collector
from queuecore.testing.store import TestStore
from queueworker.runs.run import Run

TASKS = 150_000
WARM_UP = 30_000
"""Tasks before the measurement begins: the first spans that are sent load libraries and open a connection."""
ROUNDS = 5
LOOKS_PER_TASK = 3
"""How often the worker looks at each task whether it is traced, see `queueworker.runs.runner`."""
COMPLETED = "taskyard:{default}:completed"
SCRAPE_INTERVAL_S = 1.0


class Way(NamedTuple):
    """A way of running."""

    name: str
    traced: int | None = None
    """One of so many tasks comes with a context that is kept, the rest with one that is not; ``None``: no contexts."""
    variables: Mapping[str, str] = MappingProxyType({})
    """For the worker. Where there are none, it is not scraped either."""


class Rates(NamedTuple):
    """Tasks per second."""

    by_clock: float
    by_processor: float


LOGS = {"TASKYARD_LOG_LEVEL": "info", "TASKYARD_LOG_FORMAT": "json"}
OFF = Way("without telemetry")
WAYS = [
    Way("metrics and JSON logs", None, LOGS),
    Way("metrics, JSON logs, traces of 1 % as the api decided", 100, LOGS | {"OTEL_TRACES_SAMPLER_ARG": "1"}),
    Way(
        "metrics, JSON logs, traces of 1 % as the worker decides",
        None,
        LOGS | {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.01"},
    ),
    Way("metrics, JSON logs, traces of all tasks", 1, LOGS | {"OTEL_TRACES_SAMPLER_ARG": "1"}),
]


async def measure(rounds: int) -> None:
    """Run all rounds and print the figures."""
    shares: dict[str, list[Rates]] = {way.name: [] for way in WAYS}
    bases = []
    for number in range(rounds):
        for way in WAYS:
            if number % 2:
                rates, base = await _run(way), await _run(OFF)
            else:
                base, rates = await _run(OFF), await _run(way)
            bases.append(base)
            share = Rates(rates.by_clock / base.by_clock, rates.by_processor / base.by_processor)
            shares[way.name].append(share)
            print(f"{way.name}: {share.by_processor:.3f}, {share.by_clock:.3f}", file=sys.stderr)
    print(f"| share of the throughput, {rounds} rounds of {TASKS:,} no-op tasks | by processor time | by the clock |")
    print("|---|---|---|")
    per_second = [f"1 ({statistics.median(each):,.0f} per second)" for each in zip(*bases, strict=True)]
    print(f"| {OFF.name} | {per_second[1]} | {per_second[0]} |")
    print(f"| the looks whether a task is traced, where none is | {_share_without_looks(bases):.4f} | |")
    for name, found in shares.items():
        by_clock, by_processor = zip(*found, strict=True)
        print(f"| {name} | {_middle(by_processor)} | {_middle(by_clock)} |")


def _share_without_looks(bases: Sequence[Rates]) -> float:
    """What is left of the throughput when each task is looked at, by the processor time that the looks take alone."""
    run = Run.__new__(Run)
    run.span = None
    number = 1_000_000
    empty_s = min(timeit.repeat("run", globals={"run": run}, number=number))
    look_s = min(timeit.repeat("run.span is not None", globals={"run": run}, number=number)) - empty_s
    per_task_s = 1 / statistics.median(base.by_processor for base in bases)
    return 1 - LOOKS_PER_TASK * look_s / number / per_task_s


def _middle(shares: Sequence[float]) -> str:
    return f"{statistics.median(shares):.3f} ({min(shares):.3f} to {max(shares):.3f})"


async def _run(way: Way) -> Rates:
    with ExitStack() as stack:
        server = stack.enter_context(valkey())
        collector = stack.enter_context(http_collector())
        store = TestStore(server.url)
        await _fill(store, way)
        variables = {
            "TASKYARD_WORKER_PROBE_PORT": str(find_free_port()),
            "TASKYARD_LOG_LEVEL": "critical",
            **way.variables,
        }
        if "OTEL_TRACES_SAMPLER_ARG" in variables:
            variables["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.endpoint
        with worker(server.url, logs=subprocess.DEVNULL, **variables) as process:
            scraping = asyncio.create_task(_scrape(variables["TASKYARD_WORKER_PROBE_PORT"])) if way.variables else None
            first = await _until(store, WARM_UP)
            began, used_s = time.perf_counter(), _processor_s(process.pid)
            await _until(store, TASKS)
            took_s, used_s = time.perf_counter() - began, _processor_s(process.pid) - used_s
            if scraping is not None:
                scraping.cancel()
        _check_spans(way, collector)
        (stats,) = await store.queues.stats(["default"])
        if stats.totals.processed != {("completed", "noop"): TASKS}:
            raise AssertionError(f"not every task was run exactly once: {stats.totals.processed}")
        await store.close()
    return Rates((TASKS - first) / took_s, (TASKS - first) / used_s)


def _processor_s(pid: int) -> float:
    """What all threads of a process have taken so far."""
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


async def _fill(store: TestStore, way: Way) -> None:
    for start in range(0, TASKS, 1_000):
        numbers = range(start, start + 1_000)
        await store.enqueue(
            *(make_task(type="noop", payload=b"{}", traceparent=_traceparent(way, number)) for number in numbers)
        )


def _traceparent(way: Way, number: int) -> str | None:
    if way.traced is None:
        return None
    flags = "01" if number % way.traced == 0 else "00"
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-{flags}"


async def _until(store: TestStore, number: int) -> int:
    while (done := int(await store.server.command("ZCARD", COMPLETED))) < number:  # noqa: ASYNC110 - it happens in another process
        await asyncio.sleep(0.01)
    return done


async def _scrape(port: str) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        while True:
            with suppress(httpx.TransportError):  # it starts
                await client.get(f"http://127.0.0.1:{port}/metrics")
            await asyncio.sleep(SCRAPE_INTERVAL_S)


def _check_spans(way: Way, collector: Collector) -> None:
    """What was to be kept must have arrived; of all tasks, what the bounded queue took."""
    arrived = len(collector.spans)
    wanted = TASKS // way.traced if way.traced else 0
    if (wanted and not arrived) or (way.traced == 100 and arrived != wanted):
        raise AssertionError(f"{way.name}: {arrived} spans arrived")
    if way.traced == 1:
        print(f"{way.name}: {arrived:,} of {wanted:,} spans arrived", file=sys.stderr)


if __name__ == "__main__":
    uvloop.run(measure(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS))
