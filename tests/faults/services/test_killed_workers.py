from __future__ import annotations

import time
from pathlib import Path

from queuecore.domain.task import Outcome
from queuecore.testing.waiting import eventually
from tests.faults.services.audit import audit
from tests.faults.services.yard import LEASE_S, Yard, work

_KILLS = 4
_TASKS = 2_500
_RESTART_S = LEASE_S + 2.0
"""The promise: what a lost worker had runs elsewhere within so long."""


async def test_tasks_are_all_run_when_workers_are_killed_again_and_again(yard: Yard) -> None:
    makers = [
        lambda: work("coroutine", seconds=0.05),
        lambda: work("coroutine", fail_times=1),
        lambda: work("thread", seconds=0.02),
        lambda: work("coroutine", fail_times=2, max_retries=1),
        lambda: work("coroutine", seconds=0.2),
    ]
    await yard.start_scheduler()
    await yard.start_scheduler()
    workers = await yard.start_workers(3, TASKYARD_WORKER_SLOTS="20")
    tasks = await yard.enqueue(makers[number % len(makers)]() for number in range(_TASKS))

    for kill in range(1, _KILLS + 1):
        await yard.until_ended(kill * _TASKS // (_KILLS + 2))
        await workers.pop(0).kill()
        workers.append(await yard.start_worker(TASKYARD_WORKER_SLOTS="20"))
    await yard.until_ended(_TASKS)

    tally = await audit(yard, tasks)
    assert tally.completed + tally.archived == _TASKS
    assert tally.executions > _TASKS


async def test_orphans_run_again_within_lease_and_two_seconds_when_their_worker_is_killed(
    yard: Yard, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    await yard.start_scheduler()
    victim = await yard.start_worker()
    orphans = await yard.enqueue(work("coroutine", until=str(gate)) for _ in range(50))
    await yard.until_started(orphans)
    await yard.start_worker()

    await victim.kill()
    killed_at_s = time.monotonic()
    await eventually(lambda: len(yard.journal.started()) == 2 * len(orphans))
    gate.touch()
    await yard.until_ended(len(orphans))

    again = yard.journal.started()[len(orphans) :]
    assert {entry.attempt for entry in again} == {2}
    assert max(entry.at_s for entry in again) - killed_at_s < _RESTART_S
    histories = [[attempt.outcome for attempt in (await yard.find(task)).attempts] for task in orphans]
    assert histories == [[Outcome.LOST, Outcome.COMPLETED]] * len(orphans)
    await audit(yard, orphans)
