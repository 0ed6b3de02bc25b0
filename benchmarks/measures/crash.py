"""Recovery after a worker is killed with SIGKILL while it runs tasks."""

from __future__ import annotations

import asyncio
import time

from benchmarks.harness.execution_log import ExecutionLog
from benchmarks.harness.process import Child, DriverClient
from benchmarks.harness.testbed import Testbed, wait_until
from benchmarks.plan import Plan

_SLOTS = 20
_READY_S = 60.0


async def crash(testbed: Testbed, plan: Plan) -> dict[str, float]:
    """Time until all tasks in flight at the kill run again, the number never retried, and the number run twice.

    One further task a second is enqueued throughout, because some contenders recover orphans only under traffic.
    """
    slots = _SLOTS if testbed.contender.many_slots > 1 else 1
    count = slots * 3
    executions = testbed.record_executions(count + round(plan.recovery_s) + 1)
    driver = await testbed.driver()
    await driver.call("enqueue", kind="hold", first=0, count=count, how="single")
    await testbed.auxiliaries()
    victim = await testbed.worker(slots)
    await wait_until(lambda: _is_running(executions, slots), _READY_S, [victim], "the worker runs tasks")
    # Each task takes one second.
    await asyncio.sleep(0.3)
    await victim.kill()
    killed_ns = time.monotonic_ns()
    orphans = [task for task in range(count) if executions.begun[task] and not executions.ended[task]]
    before = list(executions.begun)
    successor = await testbed.worker(slots)
    traffic = asyncio.create_task(_enqueue_each_second(driver, range(count, executions.size)))
    lost = await _wait_for_all(executions, count, plan.recovery_s, successor)
    traffic.cancel()
    again = [executions.begun_ns[task] for task in orphans if executions.begun[task] > before[task]]
    figures = {
        "crash_lost": float(lost),
        "crash_twice": float(sum(ended > 1 for ended in executions.ended[:count])),
    }
    if orphans and len(again) == len(orphans):
        figures["crash_recovery"] = (max(again) - killed_ns) / 1e9
    return figures


def _is_running(executions: ExecutionLog, slots: int) -> bool:
    begun = bytes(executions.begun)
    return len(begun) - begun.count(0) - executions.count_ended() >= slots


async def _enqueue_each_second(driver: DriverClient, numbers: range) -> None:
    for number in numbers:
        await driver.call("enqueue", kind="noop", first=number, count=1, how="single")
        await asyncio.sleep(1)


async def _wait_for_all(executions: ExecutionLog, count: int, within_s: float, worker: Child) -> int:
    """Tasks that never ended."""
    try:
        await wait_until(lambda: all(executions.ended[:count]), within_s, [worker], "all tasks ended")
    except TimeoutError:
        return bytes(executions.ended[:count]).count(0)
    return 0
