"""Overhead of telemetry: no-op throughput with telemetry, relative to the throughput without.

Each mode is measured next to a worker without telemetry, in alternating order, so that the two runs do not compete and
see the same load of the machine. The figures are medians of the ratios of all rounds. Throughput is measured by the
clock and by the processor time of the worker; the latter is more stable on a loaded machine.
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

from benchmarks.harness.service import valkey, worker
from queuecore.embedded import find_free_port
from queuecore.observe.tracing.tracer import PASSIVE
from queuecore.testing.builders import make_task
from queuecore.testing.collector import Collector, http_collector
from queuecore.testing.store import TestStore

TASKS = 150_000
WARM_UP = 30_000
"""Tasks before the measurement starts: the first exported spans load libraries and open a connection."""
ROUNDS = 5
COMPLETED = "taskyard:{default}:completed"
SCRAPE_INTERVAL_S = 1.0


class Mode(NamedTuple):
    """A telemetry configuration of the worker."""

    name: str
    traced: int | None = None
    """One in this many tasks carries a sampled trace context, the rest an unsampled one; ``None``: no contexts."""
    variables: Mapping[str, str] = MappingProxyType({})
    """Environment of the worker. Without variables, its metrics are not scraped."""


class Rates(NamedTuple):
    """Tasks per second."""

    by_clock: float
    by_processor: float


LOGS = {"TASKYARD_LOG_LEVEL": "info", "TASKYARD_LOG_FORMAT": "json"}
OFF = Mode("without telemetry")
MODES = [
    Mode("metrics and JSON logs", None, LOGS),
    Mode("metrics, JSON logs, traces of 1 % sampled by the api", 100, LOGS | {"OTEL_TRACES_SAMPLER_ARG": "1"}),
    Mode(
        "metrics, JSON logs, traces of 1 % sampled by the worker",
        None,
        LOGS | {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.01"},
    ),
    Mode("metrics, JSON logs, traces of all tasks", 1, LOGS | {"OTEL_TRACES_SAMPLER_ARG": "1"}),
]


async def measure(rounds: int) -> None:
    """Run all rounds and print the figures."""
    shares: dict[str, list[Rates]] = {mode.name: [] for mode in MODES}
    bases = []
    for number in range(rounds):
        for mode in MODES:
            if number % 2:
                rates, base = await _run(mode), await _run(OFF)
            else:
                base, rates = await _run(OFF), await _run(mode)
            bases.append(base)
            share = Rates(rates.by_clock / base.by_clock, rates.by_processor / base.by_processor)
            shares[mode.name].append(share)
            print(f"{mode.name}: {share.by_processor:.3f}, {share.by_clock:.3f}", file=sys.stderr)
    print(f"| share of the throughput, {rounds} rounds of {TASKS:,} no-op tasks | by processor time | by the clock |")
    print("|---|---|---|")
    per_second = [f"1 ({statistics.median(each):,.0f} per second)" for each in zip(*bases, strict=True)]
    print(f"| {OFF.name} | {per_second[1]} | {per_second[0]} |")
    print(f"| calls of the tracer that is off | {_share_without_tracer(bases):.4f} | |")
    for name, found in shares.items():
        by_clock, by_processor = zip(*found, strict=True)
        print(f"| {name} | {_middle(by_processor)} | {_middle(by_clock)} |")


def _share_without_tracer(bases: Sequence[Rates]) -> float:
    """Share of the throughput left by the tracer that is off: the calls per task in `queueworker.runs.runner`."""
    number = 1_000_000
    calls = "span = attempt(None); span.trace_id; span.set_attribute('outcome', 'completed'); span.end()"
    calls_s = min(timeit.repeat(calls, globals={"attempt": PASSIVE.attempt}, number=number)) / number
    per_task_s = 1 / statistics.median(base.by_processor for base in bases)
    return 1 - calls_s / per_task_s


def _middle(shares: Sequence[float]) -> str:
    return f"{statistics.median(shares):.3f} ({min(shares):.3f} to {max(shares):.3f})"


async def _run(mode: Mode) -> Rates:
    with ExitStack() as stack:
        server = stack.enter_context(valkey())
        collector = stack.enter_context(http_collector())
        store = TestStore(server.url)
        await _fill(store, mode)
        variables = {
            "TASKYARD_WORKER_PROBE_PORT": str(find_free_port()),
            "TASKYARD_LOG_LEVEL": "critical",
            **mode.variables,
        }
        if "OTEL_TRACES_SAMPLER_ARG" in variables:
            variables["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.endpoint
        with worker(server.url, logs=subprocess.DEVNULL, **variables) as process:
            scraping = asyncio.create_task(_scrape(variables["TASKYARD_WORKER_PROBE_PORT"])) if mode.variables else None
            first = await _until(store, WARM_UP)
            began, used_s = time.perf_counter(), _processor_s(process.pid)
            await _until(store, TASKS)
            took_s, used_s = time.perf_counter() - began, _processor_s(process.pid) - used_s
            if scraping is not None:
                scraping.cancel()
        _check_spans(mode, collector)
        (stats,) = await store.queues.stats(["default"])
        if stats.totals.processed != {("completed", "noop"): TASKS}:
            raise AssertionError(f"not every task was run exactly once: {stats.totals.processed}")
        await store.close()
    return Rates((TASKS - first) / took_s, (TASKS - first) / used_s)


def _processor_s(pid: int) -> float:
    """Processor time of all threads of a process."""
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


async def _fill(store: TestStore, mode: Mode) -> None:
    for start in range(0, TASKS, 1_000):
        numbers = range(start, start + 1_000)
        await store.enqueue(
            *(make_task(type="noop", payload=b"{}", traceparent=_traceparent(mode, number)) for number in numbers)
        )


def _traceparent(mode: Mode, number: int) -> str | None:
    if mode.traced is None:
        return None
    flags = "01" if number % mode.traced == 0 else "00"
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-{flags}"


async def _until(store: TestStore, number: int) -> int:
    while (done := int(await store.server.command("ZCARD", COMPLETED))) < number:  # noqa: ASYNC110 - changed by another process
        await asyncio.sleep(0.01)
    return done


async def _scrape(port: str) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        while True:
            with suppress(httpx.TransportError):  # the worker is starting
                await client.get(f"http://127.0.0.1:{port}/metrics")
            await asyncio.sleep(SCRAPE_INTERVAL_S)


def _check_spans(mode: Mode, collector: Collector) -> None:
    """Check that all sampled spans arrived; with every task sampled, report how many the bounded queue accepted."""
    arrived = len(collector.spans)
    wanted = TASKS // mode.traced if mode.traced else 0
    if (wanted and not arrived) or (mode.traced == 100 and arrived != wanted):
        raise AssertionError(f"{mode.name}: {arrived} spans arrived")
    if mode.traced == 1:
        print(f"{mode.name}: {arrived:,} of {wanted:,} spans arrived", file=sys.stderr)


if __name__ == "__main__":
    uvloop.run(measure(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS))
