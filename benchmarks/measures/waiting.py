"""Idle worker: idle cost, pick-up latency, lateness of scheduled tasks."""

from __future__ import annotations

import asyncio
import statistics

from benchmarks.harness.execution_log import ExecutionLog
from benchmarks.harness.process import Child, DriverClient
from benchmarks.harness.testbed import Testbed, check_each_ran_once, wait_until, wait_until_settled
from benchmarks.plan import Plan

_READY_S = 30.0
_LATE_S = 20.0
_LEAD_S = 1.0
_OWN_COMMANDS = 1
"""The INFO command at the end of the measurement."""


async def waiting(testbed: Testbed, plan: Plan) -> dict[str, float]:
    """Measure all three in sequence on one worker with the slots of no-op tasks."""
    executions = testbed.record_executions(1 + plan.pick_ups + plan.scheduled)
    driver = await testbed.driver()
    worker = await testbed.worker()
    await driver.call("enqueue", kind="stamp", first=0, count=1, how="single")
    await wait_until(lambda: executions.count_ended() > 0, _READY_S, [worker], "the worker is ready")
    figures = await _idle_cost(testbed, plan, worker)
    delays = await driver.call("pick_up", first=1, most=plan.pick_ups, seconds=plan.pick_up_s)
    figures |= _quantiles("idle_pickup", delays)
    await testbed.auxiliaries()
    late = await _lateness(driver, plan, executions, worker)
    figures |= _quantiles("scheduled_lateness", late)
    figures["scheduled_earliest"] = min(late)
    await wait_until_settled(driver, _LATE_S)
    check_each_ran_once(executions, 1 + len(delays) + plan.scheduled)
    return figures


async def _idle_cost(testbed: Testbed, plan: Plan, worker: Child) -> dict[str, float]:
    await asyncio.sleep(plan.settle_s)
    commands, cpu_s = await _commands(testbed), worker.cpu_s()
    await asyncio.sleep(plan.idle_s)
    used_s = worker.cpu_s() - cpu_s
    done = await _commands(testbed) - commands - _OWN_COMMANDS
    return {"idle_commands": done / plan.idle_s, "idle_cpu": 100 * used_s / plan.idle_s}


async def _commands(testbed: Testbed) -> int:
    return int((await testbed.redis.info("stats"))["total_commands_processed"])


async def _lateness(driver: DriverClient, plan: Plan, executions: ExecutionLog, worker: Child) -> list[float]:
    """Milliseconds from each due time to the start of its handler."""
    first, count = 1 + plan.pick_ups, plan.scheduled
    due = await driver.call("schedule", first=first, count=count, ahead_s=_LEAD_S, spread_s=plan.scheduled_s)
    within_s = _LEAD_S + plan.scheduled_s + _LATE_S
    began = slice(first, first + count)
    await wait_until(lambda: all(executions.ended[began]), within_s, [worker], "all scheduled tasks ran")
    return [(at - due_at) / 1e6 for at, due_at in zip(executions.begun_ns[began], due, strict=True)]


def _quantiles(name: str, values: list[float]) -> dict[str, float]:
    cuts = statistics.quantiles(values, n=100, method="inclusive")
    return {f"{name}_p50": cuts[49], f"{name}_p99": cuts[98]}
