"""Runs measures: all contenders in turn, in several rounds, on one server."""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from redis import Redis
from redis.exceptions import ResponseError

from benchmarks.harness.testbed import Testbed
from benchmarks.measures.backlog import growth, memory
from benchmarks.measures.crash import crash
from benchmarks.measures.enqueue import enqueue
from benchmarks.measures.http import HttpEnqueue
from benchmarks.measures.processing import noop_one_process, noop_two_processes, sleeping_tasks
from benchmarks.measures.raw import raw
from benchmarks.measures.waiting import waiting
from benchmarks.peers.contender import Contender
from benchmarks.peers.environment import prepare
from benchmarks.plan import Plan
from benchmarks.report.figure import Collected
from queuecore.embedded import EmbeddedValkey

_TIMEOUT_FACTOR_OF_FILLING = 5


@dataclass(frozen=True)
class Measure:
    """A measurement made with each contender."""

    name: str
    run: Callable[[Testbed, Plan], Awaitable[dict[str, float]]]
    rounds: Callable[[Plan], int]
    timeout_s: Callable[[Plan], float] = lambda plan: plan.timeout_s
    in_parallel: bool = False
    """Whether contenders are measured concurrently, each on its own database, because they mostly wait."""


MEASURES = (
    Measure("enqueue", enqueue, lambda plan: plan.rounds),
    Measure("noop_one_process", noop_one_process, lambda plan: plan.rounds),
    Measure("noop_two_processes", noop_two_processes, lambda plan: plan.rounds),
    Measure("sleeping_tasks", sleeping_tasks, lambda plan: plan.rounds),
    Measure("waiting", waiting, lambda plan: plan.idle_rounds),
    Measure("memory", memory, lambda _: 1),
    Measure("growth", growth, lambda _: 1, lambda plan: plan.timeout_s * _TIMEOUT_FACTOR_OF_FILLING),
    Measure("crash", crash, lambda _: 1, lambda plan: plan.timeout_s + plan.recovery_s, in_parallel=True),
)
HTTP, RAW = "http", "raw"
NAMES = (*(measure.name for measure in MEASURES), HTTP, RAW)


def run(plan: Plan, contenders: Sequence[Contender], measures: Sequence[str]) -> Collected:
    """Run measures on contenders. A failure is recorded and does not stop the others."""
    collected = Collected()
    installed = [contender for contender in contenders if _is_installed(contender, collected)]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        # Without persistence, as peers are usually benchmarked.
        server = stack.enter_context(EmbeddedValkey(folder / "valkey"))
        asyncio.run(_Run(plan, installed, server, folder, collected).run(measures))
    return collected


def _is_installed(contender: Contender, collected: Collected) -> bool:
    try:
        prepare(contender.name)
    except (OSError, RuntimeError) as error:
        collected.failures.append(str(error))
        return False
    return True


class _Run:
    def __init__(
        self, plan: Plan, contenders: Sequence[Contender], server: EmbeddedValkey, folder: Path, collected: Collected
    ) -> None:
        self._plan = plan
        self._contenders = contenders
        self._server = server
        self._folder = folder
        self._collected = collected
        self._failed: set[tuple[str, str]] = set()

    async def run(self, measures: Sequence[str]) -> None:
        for measure in MEASURES:
            if measure.name in measures:
                for number in range(measure.rounds(self._plan)):
                    await self._round(measure, number)
        if HTTP in measures:
            await self._yardstick(HTTP, self._http)
        if RAW in measures:
            await self._yardstick(RAW, self._raw)

    async def _round(self, measure: Measure, number: int) -> None:
        left = [each for each in self._contenders if (measure.name, each.name) not in self._failed]
        if measure.in_parallel:
            self._restart_busy_server()
            await asyncio.gather(*(self._measure(measure, each, place) for place, each in enumerate(left)))
            return
        # Rotate the order, so that no contender is always measured on the warmest machine.
        first = number % max(1, len(left))
        for contender in left[first:] + left[:first]:
            self._restart_busy_server()
            await self._measure(measure, contender, 0)

    def _restart_busy_server(self) -> None:
        """Restart a server left busy by a contender: a script that has written cannot be killed."""
        with Redis.from_url(self._server.url) as client:
            try:
                client.ping()
            except ResponseError:
                self._server.kill()
                self._server.start()

    async def _measure(self, measure: Measure, contender: Contender, database: int) -> None:
        began = time.perf_counter()
        timeout_s = measure.timeout_s(self._plan)
        try:
            async with (
                Testbed(contender, self._server, self._folder, timeout_s, database) as testbed,
                asyncio.timeout(timeout_s),
            ):
                found = await measure.run(testbed, self._plan)
        except Exception as error:  # noqa: BLE001 - failures of contenders are reported
            self._fail(f"{contender.title}, {measure.name}", error)
            self._failed.add((measure.name, contender.name))
            return
        for figure, value in found.items():
            self._collected.add(figure, contender.name, value)
        shown = ", ".join(f"{figure} {value:,.2f}" for figure, value in found.items())
        _log(f"{contender.name}: {shown} [{time.perf_counter() - began:.1f} s]")

    async def _yardstick(self, name: str, measure: Callable[[], Awaitable[None]]) -> None:
        try:
            async with asyncio.timeout(self._plan.timeout_s):
                await measure()
        except Exception as error:  # noqa: BLE001 - reported
            self._fail(name, error)

    async def _http(self) -> None:
        with HttpEnqueue(self._server, self._plan) as http:
            for _ in range(self._plan.rounds):
                self._add(await http.measure())

    async def _raw(self) -> None:
        for _ in range(self._plan.rounds):
            self._add(await raw(self._server, self._plan))
        with Redis.from_url(self._server.url) as client:
            client.flushall()

    def _add(self, found: dict[str, dict[str, float]]) -> None:
        for figure, values in found.items():
            for who, value in values.items():
                self._collected.add(figure, who, value)
                _log(f"{who}: {figure} {value:,.2f}")

    def _fail(self, what: str, error: Exception) -> None:
        why = str(error) or "it took too long"
        self._collected.failures.append(f"{what}: {type(error).__name__}: {why}")
        _log(f"FAILED {self._collected.failures[-1]}")


def _log(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
