from __future__ import annotations

import asyncio

from queueworker.handlers.context import TaskContext
from queueworker.handlers.registry import Handlers
from queueworker.runs.in_flight import InFlightRuns
from queueworker.runs.run import Run, StopReason
from tests.unit.queueworker.made_leases import make_lease

handlers = Handlers()


@handlers.register("demo")
async def wait(_: dict[str, object]) -> None:
    await asyncio.Event().wait()


def make_run(task_id: str = "a", queue: str = "default", token: int = 1) -> Run:
    lease = make_lease(id=task_id, queue=queue, token=token)
    handler = handlers.get("demo")
    assert handler is not None
    return Run(lease, handler, TaskContext(lease.task, 1, 0, lambda _: None))


def test_held_runs_are_found_by_queue_and_task() -> None:
    held, one, other = InFlightRuns(), make_run(), make_run(queue="other")
    held.add(one)
    held.add(other)
    assert held.find("default", "a") is one
    assert held.find("other", "a") is other
    assert held.find("other", "b") is None
    assert len(held) == 2


def test_a_dropped_run_is_held_no_more() -> None:
    held, run = InFlightRuns(), make_run()
    held.add(run)
    held.drop(run)
    held.drop(run)
    assert held.all() == []


def test_a_newer_lease_of_a_task_stays_when_the_older_is_dropped() -> None:
    held, older, newer = InFlightRuns(), make_run(), make_run(token=2)
    held.add(older)
    held.add(newer)
    held.drop(older)
    assert held.all() == [newer]


async def test_running_are_those_whose_handler_is_not_done() -> None:
    held, ready, running = InFlightRuns(), make_run("ready"), make_run("running")
    ready.work, running.work = asyncio.create_task(asyncio.sleep(0)), asyncio.create_task(asyncio.sleep(60))
    held.add(ready)
    held.add(running)
    await ready.work
    running.begin()
    assert held.running() == [running]
    running.stop(StopReason.DRAIN)
    await asyncio.wait([running.work])
