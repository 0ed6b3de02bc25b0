from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

from queuecore.domain.task import Outcome
from queuecore.testing.keyspace import read_keyspace
from queuecore.testing.waiting import eventually
from tests.support.invariants import assert_invariants
from tests.support.service_process import ServiceProcess
from tests.support.system import QUEUE, System, work


async def test_late_settles_change_nothing_when_a_frozen_worker_wakes(system: System) -> None:
    await system.start_scheduler()
    zombie = await system.start_worker()
    tasks = await system.enqueue(
        [
            *(work("coroutine", seconds=0.5) for _ in range(50)),
            *(work("thread", seconds=0.5) for _ in range(20)),
            *(work("coroutine", seconds=0.5, fail_times=1) for _ in range(20)),
        ]
    )
    await system.until_started(tasks)
    zombie.send(signal.SIGSTOP)
    await system.start_worker()
    await system.until_ended(len(tasks))
    settled = await _read_queue(system)

    zombie.send(signal.SIGCONT)
    await eventually(lambda: _late_settles(zombie, len(tasks)))

    assert await zombie.metric("taskyard_worker_stale_settles_total") >= 50
    assert await _read_queue(system) == settled
    summary = await assert_invariants(system, tasks)
    assert summary.repeated >= 50


async def test_all_tasks_of_a_worker_run_elsewhere_when_a_handler_blocks_its_event_loop(
    system: System, tmp_path: Path
) -> None:
    finish, unblock = tmp_path / "finish", tmp_path / "unblock"
    await system.start_scheduler()
    blocked = await system.start_worker()
    others = await system.enqueue(work("coroutine", until=str(finish)) for _ in range(30))
    await system.until_started(others)
    blockers = await system.enqueue([work("blocking", fail_times=1, until=str(unblock))])
    await system.until_started(blockers)
    await system.start_worker()
    await eventually(lambda: len(system.executions.started(*(task.id for task in others))) == 2 * len(others))
    finish.touch()
    await system.until_ended(len(others) + 1)
    settled = await _read_queue(system)

    unblock.touch()
    await eventually(lambda: _late_settles(blocked, len(others) + 1))

    assert await _read_queue(system) == settled
    histories = [[attempt.outcome for attempt in (await system.find(task)).attempts] for task in [*others, *blockers]]
    assert histories == [[Outcome.LOST, Outcome.COMPLETED]] * (len(others) + 1)
    later = await system.enqueue(work("coroutine") for _ in range(200))
    await system.until_ended(len(others) + 1 + len(later))
    await assert_invariants(system, [*others, *blockers, *later])


async def _late_settles(worker: ServiceProcess, number: int) -> bool:
    """Whether the worker has detected that it lost ``number`` tasks."""
    lost = await worker.metric("taskyard_worker_leases_lost_total")
    return lost + await worker.metric("taskyard_worker_stale_settles_total") >= number


async def _read_queue(system: System) -> dict[str, Any]:
    """All keys of the queue and its tasks, except the wake-up list of idle workers."""
    keyspace = await read_keyspace(system.store.server)
    prefix = f"taskyard:{{{QUEUE}}}:"
    return {key: value for key, value in keyspace.items() if key.startswith(prefix) and key != f"{prefix}wake"}
