"""Processing throughput from a backlog."""

from __future__ import annotations

from benchmarks.harness.execution_log import ExecutionLog
from benchmarks.harness.process import Child
from benchmarks.harness.replay import fill
from benchmarks.harness.testbed import Testbed, check_each_ran_once, wait_until, wait_until_settled
from benchmarks.peers.contender import NAP_S
from benchmarks.plan import Plan

_SETTLE_S = 20.0
_WARM = 0.1
"""Share of the tasks completed before the measurement starts, to exclude the start of Python."""


async def noop_one_process(testbed: Testbed, plan: Plan) -> dict[str, float]:
    """No-op tasks, one worker process."""
    count = round(testbed.contender.pace * plan.busy_s)
    return {"noop_one_process": await _drain(testbed, plan, "noop", count, testbed.contender.slots, processes=1)}


async def noop_two_processes(testbed: Testbed, plan: Plan) -> dict[str, float]:
    """No-op tasks, two worker processes."""
    count = round(testbed.contender.pace * plan.busy_s * 1.5)
    return {"noop_two_processes": await _drain(testbed, plan, "noop", count, testbed.contender.slots, processes=2)}


async def sleeping_tasks(testbed: Testbed, plan: Plan) -> dict[str, float]:
    """Tasks that sleep 10 ms, one worker process with many slots."""
    slots = testbed.contender.many_slots
    count = round(min(testbed.contender.pace, slots / NAP_S) * plan.busy_s * 0.8)
    return {"sleeping_tasks": await _drain(testbed, plan, "nap", count, slots, processes=1)}


async def _drain(testbed: Testbed, plan: Plan, kind: str, count: int, slots: int, processes: int) -> float:
    executions = testbed.record_executions(count)
    driver = await testbed.driver()
    await fill(testbed, driver, kind, count)
    workers = [await testbed.worker(slots) for _ in range(processes)]
    rate = await rate_until(executions, round(count * _WARM), count, workers, plan.timeout_s)
    await wait_until_settled(driver, _SETTLE_S)
    check_each_ran_once(executions, count)
    return rate


async def rate_until(executions: ExecutionLog, first: int, last: int, workers: list[Child], within_s: float) -> float:
    """Tasks per second between the completion of ``first`` and of ``last`` tasks."""
    count = executions.count_ended
    began = await wait_until(lambda: count() >= max(first, 1), within_s, workers, "the first tasks ended")
    done = count()
    ended = await wait_until(lambda: count() >= last, within_s, workers, f"{last} tasks ended")
    return (count() - done) / (ended - began)
