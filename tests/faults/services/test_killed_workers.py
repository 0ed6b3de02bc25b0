from __future__ import annotations

import time
from pathlib import Path

from queuecore.domain.task import Outcome
from queuecore.testing.waiting import eventually
from tests.support.invariants import assert_invariants
from tests.support.system import LEASE_S, System, work

_KILLS = 4
_TASKS = 2_500
_RESTART_S = LEASE_S + 2.0
"""Guaranteed time until the tasks of a lost worker are retried."""


async def test_tasks_are_all_run_when_workers_are_killed_again_and_again(system: System) -> None:
    makers = [
        lambda: work("coroutine", seconds=0.05),
        lambda: work("coroutine", fail_times=1),
        lambda: work("thread", seconds=0.02),
        lambda: work("coroutine", fail_times=2, max_retries=1),
        lambda: work("coroutine", seconds=0.2),
    ]
    await system.start_scheduler()
    await system.start_scheduler()
    workers = await system.start_workers(3, TASKYARD_WORKER_SLOTS="20")
    tasks = await system.enqueue(makers[number % len(makers)]() for number in range(_TASKS))

    for kill in range(1, _KILLS + 1):
        await system.until_ended(kill * _TASKS // (_KILLS + 2))
        workers.pop(0).kill()
        workers.append(await system.start_worker(TASKYARD_WORKER_SLOTS="20"))
    await system.until_ended(_TASKS)

    summary = await assert_invariants(system, tasks)
    assert summary.completed + summary.archived == _TASKS
    assert summary.executions > _TASKS


async def test_orphans_run_again_within_lease_and_two_seconds_when_their_worker_is_killed(
    system: System, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    await system.start_scheduler()
    victim = await system.start_worker()
    orphans = await system.enqueue(work("coroutine", until=str(gate)) for _ in range(50))
    await system.until_started(orphans)
    await system.start_worker()

    victim.kill()
    killed_at_s = time.monotonic()
    await eventually(lambda: len(system.executions.started()) == 2 * len(orphans))
    gate.touch()
    await system.until_ended(len(orphans))

    again = system.executions.started()[len(orphans) :]
    assert {entry.attempt for entry in again} == {2}
    assert max(entry.at_s for entry in again) - killed_at_s < _RESTART_S
    histories = [[attempt.outcome for attempt in (await system.find(task)).attempts] for task in orphans]
    assert histories == [[Outcome.LOST, Outcome.COMPLETED]] * len(orphans)
    await assert_invariants(system, orphans)
