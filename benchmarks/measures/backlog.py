"""Cost of a large backlog: memory of the store, time of enqueue and processing."""

from __future__ import annotations

from benchmarks.harness.replay import fill
from benchmarks.harness.testbed import Testbed
from benchmarks.measures.processing import rate_until
from benchmarks.peers.contender import OURS
from benchmarks.plan import Plan

_PAYLOAD = 100
_SMALL = 1_000
_ENQUEUED = 500
_STOP_SHARE = 0.8


async def memory(testbed: Testbed, plan: Plan) -> dict[str, float]:
    """Memory of the store in bytes per pending task with an argument of 100 characters."""
    testbed.record_executions(1)
    driver = await testbed.driver()
    await fill(testbed, driver, "noop", 1, _PAYLOAD)
    before = await _used(testbed)
    await fill(testbed, driver, "noop", plan.memory_tasks, _PAYLOAD)
    return {"memory_per_task": (await _used(testbed) - before) / (plan.memory_tasks - 1)}


async def growth(testbed: Testbed, plan: Plan) -> dict[str, float]:
    """Cost of an enqueue and of a processed task with a large backlog, relative to a small one."""
    small = await _at(testbed, plan, _SMALL)
    large = await _at(testbed, plan, plan.growth_tasks)
    return {
        "growth_enqueue": large["enqueue_s"] / small["enqueue_s"],
        "growth_processing": large["task_s"] / small["task_s"],
    }


async def _at(testbed: Testbed, plan: Plan, backlog: int) -> dict[str, float]:
    # A small backlog would be drained before the measurement, so it is processed from the backlog of a round.
    count = max(backlog, round(testbed.contender.pace * plan.busy_s))
    executions = testbed.record_executions(count + _ENQUEUED)
    driver = await testbed.driver()
    await fill(testbed, driver, "noop", backlog)
    took_s = await driver.call("enqueue", kind="noop", first=backlog, count=_ENQUEUED, how="single")
    if count > backlog:
        await testbed.redis.flushdb()
        await fill(testbed, driver, "noop", count)
    else:
        count += _ENQUEUED
    worker = await testbed.worker()
    measured = min(round(testbed.contender.pace * plan.busy_s), round(count * _STOP_SHARE))
    rate = await rate_until(executions, measured // 10, measured, [worker], plan.timeout_s)
    await worker.kill()
    ended, left = executions.count_ended(), await driver.call("unfinished")
    # The worker was killed, so tasks whose handlers ended may be unacknowledged. Taskyard may lose none. Celery loses
    # a task popped from the list but not yet stored as unacknowledged, and other peers may do the same.
    missing = count - ended - left
    if missing > (0 if testbed.contender.name == OURS else 1) or executions.count_ended(1) != ended:
        raise AssertionError(f"of {count} tasks {ended} ended and {left} are left")
    await testbed.redis.flushdb()
    return {"enqueue_s": took_s / _ENQUEUED, "task_s": 1 / rate}


async def _used(testbed: Testbed) -> int:
    """Used memory without the buffers of connections."""
    info = await testbed.redis.info("memory")
    return int(info["used_memory"]) - int(info["mem_clients_normal"])
