"""Runs measures: all contenders in turn, several rounds, on one server."""

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

from benchmarks.figures import Collected
from benchmarks.measures.crash import crash
from benchmarks.measures.enqueue import enqueue
from benchmarks.measures.http import HttpEnqueue
from benchmarks.measures.processing import noop_one_process, noop_two_processes, sleeping_tasks
from benchmarks.measures.raw import raw
from benchmarks.measures.size import growth, memory
from benchmarks.measures.waiting import waiting
from benchmarks.peers.catalogue import Contender
from benchmarks.peers.environments import prepare
from benchmarks.plan import Plan
from benchmarks.stage import Stage
from queuecore.embedded import EmbeddedValkey

_EXTRA_TIME_WHERE_FILLED = 5


@dataclass(frozen=True)
class Measure:
    """Something that each contender goes through."""

    name: str
    run: Callable[[Stage, Plan], Awaitable[dict[str, float]]]
    rounds: Callable[[Plan], int]
    timeout_s: Callable[[Plan], float] = lambda plan: plan.timeout_s
    together: bool = False
    """Whether all contenders are measured at once, each on a database of its own, since they only wait."""


MEASURES = (
    Measure("enqueue", enqueue, lambda plan: plan.rounds),
    Measure("noop_one_process", noop_one_process, lambda plan: plan.rounds),
    Measure("noop_two_processes", noop_two_processes, lambda plan: plan.rounds),
    Measure("sleeping_tasks", sleeping_tasks, lambda plan: plan.rounds),
    Measure("waiting", waiting, lambda plan: plan.idle_rounds),
    Measure("memory", memory, lambda _: 1),
    Measure("growth", growth, lambda _: 1, lambda plan: plan.timeout_s * _EXTRA_TIME_WHERE_FILLED),
    Measure("crash", crash, lambda _: 1, lambda plan: plan.timeout_s + plan.recovery_s, together=True),
)
HTTP, RAW = "http", "raw"
NAMES = (*(measure.name for measure in MEASURES), HTTP, RAW)


def run(plan: Plan, contenders: Sequence[Contender], measures: Sequence[str]) -> Collected:
    """Run measures on contenders. What fails is noted, and the rest goes on."""
    collected = Collected()
    able = [contender for contender in contenders if _is_installed(contender, collected)]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        # Without persistence, as peers are usually measured.
        server = stack.enter_context(EmbeddedValkey(folder / "valkey"))
        asyncio.run(_Run(plan, able, server, folder, collected).run(measures))
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
        self._gave_up: set[tuple[str, str]] = set()

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
        left = [each for each in self._contenders if (measure.name, each.name) not in self._gave_up]
        if measure.together:
            self._have_server_answer()
            await asyncio.gather(*(self._measure(measure, each, place) for place, each in enumerate(left)))
            return
        # Another one begins each time, so that none is always measured on the warmest machine.
        first = number % max(1, len(left))
        for contender in left[first:] + left[:first]:
            self._have_server_answer()
            await self._measure(measure, contender, 0)

    def _have_server_answer(self) -> None:
        """Start the server anew if a contender has left it busy: a script that has written cannot be stopped."""
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
                Stage(contender, self._server, self._folder, timeout_s, database) as stage,
                asyncio.timeout(timeout_s),
            ):
                found = await measure.run(stage, self._plan)
        except Exception as error:  # noqa: BLE001 - a contender's trouble, told in the report
            self._fail(f"{contender.title}, {measure.name}", error)
            self._gave_up.add((measure.name, contender.name))
            return
        for figure, value in found.items():
            self._collected.add(figure, contender.name, value)
        shown = ", ".join(f"{figure} {value:,.2f}" for figure, value in found.items())
        _tell(f"{contender.name}: {shown} [{time.perf_counter() - began:.1f} s]")

    async def _yardstick(self, name: str, measure: Callable[[], Awaitable[None]]) -> None:
        try:
            async with asyncio.timeout(self._plan.timeout_s):
                await measure()
        except Exception as error:  # noqa: BLE001 - told in the report
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
                _tell(f"{who}: {figure} {value:,.2f}")

    def _fail(self, what: str, error: Exception) -> None:
        why = str(error) or "it took too long"
        self._collected.failures.append(f"{what}: {type(error).__name__}: {why}")
        _tell(f"FAILED {self._collected.failures[-1]}")


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
