"""Taskyard, through queuecore and with its real worker."""

from __future__ import annotations

import time
from collections.abc import Sequence

import msgspec

from benchmarks.peers import workload
from benchmarks.peers.client import Client
from queuecore.domain.task import Task
from queuecore.settings.shared import RedisSettings
from queuecore.store.client.connect import connect
from queuecore.store.scripts.keys import queue_keys
from queuecore.store.tasks.enqueue import Enqueue, Enqueued, Enqueuer
from queuecore.store.tasks.task_id import new_task_id
from taskyard import Taskyard

app = Taskyard()
_KEYS = queue_keys("default")


@app.task("noop")
async def noop(payload: dict[str, str]) -> None:
    workload.noop(payload["number"])


@app.task("stamp")
async def stamp(payload: dict[str, str]) -> None:
    workload.stamp(payload["number"])


@app.task("nap")
async def nap(payload: dict[str, str]) -> None:
    await workload.nap(payload["number"])


@app.task("hold")
async def hold(payload: dict[str, str]) -> None:
    await workload.hold(payload["number"])


class TaskyardClient(Client):
    async def open(self) -> None:
        self._server = connect(RedisSettings(url=workload.URL))
        self._enqueuer = Enqueuer(self._server)

    async def enqueue(self, kind: str, number: str) -> None:
        await self._send([_task(kind, number)])

    async def enqueue_batch(self, kind: str, numbers: Sequence[str]) -> None:
        await self._send([_task(kind, number) for number in numbers])

    async def schedule(self, kind: str, number: str, due_s: float) -> None:
        await self._send([_task(kind, number, round(due_s * 1000))])

    async def unfinished(self) -> int:
        states = (_KEYS.pending, _KEYS.active, _KEYS.scheduled, _KEYS.retry)
        return sum(await self._server.commands([("ZCARD", state) for state in states]))

    async def _send(self, tasks: list[Task]) -> None:
        for answer in await self._enqueuer.enqueue([Enqueue(task) for task in tasks]):
            if not isinstance(answer, Enqueued):
                raise RuntimeError(f"a task was refused: {answer}")  # noqa: TRY004 - an answer, not a type, is wrong


def _task(kind: str, number: str, due_ms: int | None = None) -> Task:
    return Task(
        id=new_task_id(),
        queue="default",
        type=kind,
        payload=msgspec.json.encode({"number": number}),
        enqueued_at_ms=round(time.time() * 1000),
        process_at_ms=due_ms,
    )


CLIENT = TaskyardClient()
