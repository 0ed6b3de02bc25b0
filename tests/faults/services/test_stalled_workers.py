from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

from queuecore.domain.task import Outcome
from queuecore.testing.keyspace import read_keyspace
from queuecore.testing.waiting import eventually
from tests.faults.services.audit import audit
from tests.faults.services.service_process import ServiceProcess
from tests.faults.services.yard import QUEUE, Yard, work


async def test_late_settles_change_nothing_when_a_frozen_worker_wakes(yard: Yard) -> None:
    await yard.start_scheduler()
    zombie = await yard.start_worker()
    tasks = await yard.enqueue(
        [
            *(work("coroutine", seconds=0.5) for _ in range(50)),
            *(work("thread", seconds=0.5) for _ in range(20)),
            *(work("coroutine", seconds=0.5, fail_times=1) for _ in range(20)),
        ]
    )
    await yard.until_started(tasks)
    zombie.send(signal.SIGSTOP)
    await yard.start_worker()
    await yard.until_ended(len(tasks))
    settled = await _read_queue(yard)

    zombie.send(signal.SIGCONT)
    await eventually(lambda: _late_settles(zombie, len(tasks)))

    assert await zombie.metric("taskyard_worker_stale_settles_total") >= 50
    assert await _read_queue(yard) == settled
    tally = await audit(yard, tasks)
    assert tally.repeated >= 50


async def test_all_tasks_of_a_worker_run_elsewhere_when_a_handler_blocks_its_event_loop(
    yard: Yard, tmp_path: Path
) -> None:
    finish, unblock = tmp_path / "finish", tmp_path / "unblock"
    await yard.start_scheduler()
    blocked = await yard.start_worker()
    others = await yard.enqueue(work("coroutine", until=str(finish)) for _ in range(30))
    await yard.until_started(others)
    blockers = await yard.enqueue([work("blocking", fail_times=1, until=str(unblock))])
    await yard.until_started(blockers)
    await yard.start_worker()
    await eventually(lambda: len(yard.journal.started(*(task.id for task in others))) == 2 * len(others))
    finish.touch()
    await yard.until_ended(len(others) + 1)
    settled = await _read_queue(yard)

    unblock.touch()
    await eventually(lambda: _late_settles(blocked, len(others) + 1))

    assert await _read_queue(yard) == settled
    histories = [[attempt.outcome for attempt in (await yard.find(task)).attempts] for task in [*others, *blockers]]
    assert histories == [[Outcome.LOST, Outcome.COMPLETED]] * (len(others) + 1)
    later = await yard.enqueue(work("coroutine") for _ in range(200))
    await yard.until_ended(len(others) + 1 + len(later))
    await audit(yard, [*others, *blockers, *later])


async def _late_settles(worker: ServiceProcess, number: int) -> bool:
    """Whether the worker has learnt of so many tasks that it has lost them."""
    lost = await worker.metric("taskyard_worker_leases_lost_total")
    return lost + await worker.metric("taskyard_worker_stale_settles_total") >= number


async def _read_queue(yard: Yard) -> dict[str, Any]:
    """All that is stored of the queue and its tasks, but for the token that wakes idle workers."""
    keyspace = await read_keyspace(yard.store.server)
    prefix = f"taskyard:{{{QUEUE}}}:"
    return {key: value for key, value in keyspace.items() if key.startswith(prefix) and key != f"{prefix}wake"}
