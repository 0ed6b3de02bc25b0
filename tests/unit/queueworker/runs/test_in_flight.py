from __future__ import annotations

import asyncio

from queueworker.handlers.context import WorkerContext
from queueworker.runs.in_flight import InFlightRuns
from queueworker.runs.run import Run, StopReason
from taskyard import Taskyard
from tests.unit.queueworker.leases import make_lease

app = Taskyard()


@app.task("demo")
async def wait(_: dict[str, object]) -> None:
    await asyncio.Event().wait()


def make_run(task_id: str = "a", queue: str = "default", token: int = 1) -> Run:
    lease = make_lease(id=task_id, queue=queue, token=token)
    return Run(lease, wait.handler, WorkerContext(lease.task, 1, 0, lambda _: None, 1, app.lifespan))


def test_runs_are_found_by_queue_and_task() -> None:
    in_flight, one, other = InFlightRuns(), make_run(), make_run(queue="other")
    in_flight.add(one)
    in_flight.add(other)
    assert in_flight.find("default", "a") is one
    assert in_flight.find("other", "a") is other
    assert in_flight.find("other", "b") is None
    assert len(in_flight) == 2


def test_dropped_run_is_not_in_flight() -> None:
    in_flight, run = InFlightRuns(), make_run()
    in_flight.add(run)
    in_flight.drop(run)
    in_flight.drop(run)
    assert in_flight.all() == []


def test_newer_run_of_a_task_stays_when_the_older_is_dropped() -> None:
    in_flight, older, newer = InFlightRuns(), make_run(), make_run(token=2)
    in_flight.add(older)
    in_flight.add(newer)
    in_flight.drop(older)
    assert in_flight.all() == [newer]


async def test_running_are_the_runs_whose_handler_has_not_ended() -> None:
    in_flight, ready, running = InFlightRuns(), make_run("ready"), make_run("running")
    ready.work, running.work = asyncio.create_task(asyncio.sleep(0)), asyncio.create_task(asyncio.sleep(60))
    in_flight.add(ready)
    in_flight.add(running)
    await ready.work
    running.begin()
    assert in_flight.running() == [running]
    running.stop(StopReason.DRAIN)
    await asyncio.wait([running.work])
