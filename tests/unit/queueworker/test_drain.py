from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, cast

import pytest

from queuecore.domain.backoff import Backoff
from queuecore.store.attempts.leases import Lease, Leases
from queuecore.store.scripts.replies import Reply
from queuecore.testing.waiting import eventually
from queueworker import drain
from queueworker.drain import Drain
from queueworker.handlers.context import WorkerContext
from queueworker.roles.settler import Settler
from queueworker.runs.in_flight import InFlightRuns
from queueworker.runs.run import Run
from queueworker.runs.slots import Slots
from taskyard import Taskyard
from tests.unit.queueworker.leases import make_lease

app = Taskyard()


@app.task("demo")
async def wait(_: dict[str, object]) -> None:
    await asyncio.Event().wait()


class Store:
    """A settler that is busy until a test sets an event, and leases that record releases."""

    def __init__(self) -> None:
        self.settled = asyncio.Event()
        self.released: list[str] = []

    async def wait_until_idle(self) -> None:
        await self.settled.wait()

    async def release(self, leases: Sequence[Lease]) -> list[Reply]:
        self.released += [lease.task.id for lease in leases]
        return [Reply.DONE] * len(leases)


def start_run(task_id: str, thread: asyncio.Future[object] | None = None) -> Run:
    """A run that waits; its thread may outlive it."""
    handler = wait.handler
    lease = make_lease(id=task_id)
    run = Run(lease, handler, WorkerContext(lease.task, 1, 0, lambda _: None, 1, app.lifespan))
    run.work = asyncio.create_task(cast("Any", handler.call({}, run.context)))
    run.begun = True
    run.slot_taken_until = thread
    return run


async def test_task_is_released_last_when_its_thread_still_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drain, "STOP_GRACE_S", 0.05)
    store, in_flight = Store(), InFlightRuns()
    in_flight.add(start_run("in a thread", asyncio.get_running_loop().create_future()))
    in_flight.add(start_run("ended"))
    slots = Slots(2)
    slots.take()
    draining = asyncio.create_task(
        Drain(
            grace_s=0.0,
            slots=slots,
            in_flight=in_flight,
            settler=cast("Settler", store),
            leases=cast("Leases", store),
            backoff=Backoff(lambda: 0.0),
        ).run()
    )
    await eventually(lambda: store.released)
    assert store.released == ["ended"]
    store.settled.set()
    await draining
    assert store.released == ["ended", "in a thread"]
