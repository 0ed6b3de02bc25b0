"""Proof of ``replicas:1``: posts while primaries fail with their replication held back."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from pathlib import Path
from random import Random
from uuid import uuid4

import httpx
import msgspec

from queuecore.testing.store import TestStore
from queuecore.testing.waiting import eventually
from tests.durability.topology import Topology
from tests.support.demo_task import DEMO_SCHEMA, DEMO_TASK
from tests.support.service_process import ServiceProcess, plain_http, service_environment

_CALLERS = 12
"""Posts in flight at once, for each queue."""
_HELD_POSTS = 20
"""Posts with ``memory`` that are answered while replication is held back, before the primary fails."""
_RETRY_PAUSE_S = 0.05
_ROUND_S = 120.0


class Outcome(msgspec.Struct):
    """The posts to one queue, over all failovers."""

    accepted: list[str] = msgspec.field(default_factory=list)
    """The ids answered with 201."""
    refused: Counter[str] = msgspec.field(default_factory=Counter)
    """The number of other answers, by the code of the error. The same request was then repeated."""
    lost: set[str] = msgspec.field(default_factory=set)
    """The ids answered with 201 that the promoted server did not have."""


class Report(msgspec.Struct):
    """The result of a proof."""

    topology: str
    failovers: int
    kept: Outcome
    """The queue with ``replicas:1``."""
    plain: Outcome
    """The queue with ``memory``."""

    def lines(self) -> list[str]:
        """The result for people."""
        return [
            f"{self.topology}, {self.failovers} failovers, {level}: {len(each.accepted)} posts answered 201, "
            f"{len(each.lost)} of them lost; other answers, which were repeated: {dict(each.refused)}"
            for level, each in (("replicas:1", self.kept), ("memory", self.plain))
        ]


async def prove(topology: Topology, failovers: int, posts: int, folder: Path, seed: int = 0) -> Report:
    """Post tasks through failovers, and search those answered with 201 on each promoted server.

    In every second failover the primary is killed while its replication is held back, in the others while it flows.

    Args:
        topology: a started store.
        failovers: the number of failovers.
        posts: the number of posts with ``replicas:1`` per failover. Posts with ``memory`` go on beside them.
        folder: for the log of the API.
        seed: of the moments at which primaries fail.
    """
    store = TestStore(topology.url, patient=True)
    await store.directory.register_types({"demo": DEMO_SCHEMA})
    await store.close()
    report = Report(topology.name, failovers, Outcome(), Outcome())
    random = Random(seed)
    environ = service_environment("queueapi", topology.url) | {"TASKYARD_API_DURABILITY": "replicas:1"}
    api = ServiceProcess("queueapi", folder / "api.log", environ)
    try:
        await api.until_started()
        async with plain_http(api.url) as http:
            for number in range(failovers):
                failure = _Failover(http, topology, report, holds=number % 2 == 0)
                await asyncio.wait_for(failure.run(posts, fail_at=random.randrange(posts)), _ROUND_S)
    finally:
        api.kill()
    return report


class _Failover:
    """One failover of the primary during posts."""

    def __init__(self, http: httpx.AsyncClient, topology: Topology, report: Report, *, holds: bool) -> None:
        self._http = http
        self._topology = topology
        self._outcomes = dict(zip(topology.queues, (report.kept, report.plain), strict=True))
        self._kept, self._plain = report.kept, report.plain
        self._holds = holds
        self._promoted = asyncio.Event()

    async def run(self, posts: int, fail_at: int) -> None:
        kept, plain = self._topology.queues
        await eventually(lambda: self._set_durability(plain, "memory"), within_s=60)
        numbers = itertools.count()
        begun = len(self._kept.accepted)

        async def post_kept() -> None:
            while next(numbers) < posts:
                await self._post(kept)

        async def post_plain() -> None:
            while not self._promoted.is_set():
                await self._post(plain)

        await asyncio.gather(
            self._fail(begun + fail_at),
            *(post_kept() for _ in range(_CALLERS)),
            *(post_plain() for _ in range(_CALLERS)),
        )
        await self._search()

    async def _fail(self, accepted: int) -> None:
        """Lose the primary once so many posts were accepted, and bring it back as a replica."""
        await eventually(lambda: len(self._kept.accepted) >= accepted, within_s=60)
        if self._holds:
            self._topology.primary.hold_replication()
            enough = len(self._plain.accepted) + _HELD_POSTS
            await eventually(lambda: len(self._plain.accepted) >= enough, within_s=60)
        await self._topology.fail_over()
        await self._search()
        self._promoted.set()
        await self._topology.restore()

    async def _search(self) -> None:
        """Search the accepted tasks on the primary."""
        for queue, outcome in self._outcomes.items():
            accepted = set(outcome.accepted)
            prefix = f"taskyard:{{{queue}}}:t:"
            keys = await self._topology.primary.command("KEYS", f"{prefix}*")
            outcome.lost |= accepted - {key.decode().removeprefix(prefix) for key in keys}

    async def _post(self, queue: str) -> None:
        """Post one task, and repeat the request until it is accepted."""
        outcome = self._outcomes[queue]
        headers = {"Idempotency-Key": str(uuid4())}
        while True:
            try:
                answer = await self._http.post("/api/v1/tasks", json={**DEMO_TASK, "queue": queue}, headers=headers)
            except httpx.TransportError as error:
                outcome.refused[type(error).__name__] += 1
            else:
                if answer.status_code == httpx.codes.CREATED:
                    outcome.accepted.append(answer.json()["task_id"])
                    return
                outcome.refused[answer.json()["code"]] += 1
            await asyncio.sleep(_RETRY_PAUSE_S)

    async def _set_durability(self, queue: str, durability: str) -> bool:
        answer = await self._http.put(f"/api/v1/queues/{queue}/limits", json={"durability": durability})
        return answer.is_success
