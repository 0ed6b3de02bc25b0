"""A worker that has nothing to do: what it costs, how soon it picks a task up, how late scheduled tasks are."""

from __future__ import annotations

import asyncio
import statistics

from benchmarks.ledger import Ledger
from benchmarks.plan import Plan
from benchmarks.processes import AgentCall, Child
from benchmarks.stage import Stage, check_each_ran_once, wait_until, wait_until_settled

_READY_S = 30.0
_LATE_S = 20.0
_LEAD_S = 1.0
_OWN_COMMANDS = 1
"""The INFO that ends the watch."""


async def waiting(stage: Stage, plan: Plan) -> dict[str, float]:
    """All three, one after the other, on one worker with the slots of no-op tasks."""
    ledger = stage.ledger(1 + plan.pick_ups + plan.scheduled)
    agent = await stage.agent()
    worker = await stage.worker()
    await agent.ask("enqueue", kind="stamp", first=0, count=1, how="single")
    await wait_until(lambda: ledger.count_ended() > 0, _READY_S, [worker], "the worker is ready")
    figures = await _idle_cost(stage, plan, worker)
    delays = await agent.ask("pick_up", first=1, most=plan.pick_ups, seconds=plan.pick_up_s)
    figures |= _quantiles("idle_pickup", delays)
    await stage.companions()
    late = await _lateness(agent, plan, ledger, worker)
    figures |= _quantiles("scheduled_lateness", late)
    figures["scheduled_earliest"] = min(late)
    await wait_until_settled(agent, _LATE_S)
    check_each_ran_once(ledger, 1 + len(delays) + plan.scheduled)
    return figures


async def _idle_cost(stage: Stage, plan: Plan, worker: Child) -> dict[str, float]:
    await asyncio.sleep(plan.settle_s)
    commands, cpu_s = await _commands(stage), worker.cpu_s()
    await asyncio.sleep(plan.idle_s)
    used_s = worker.cpu_s() - cpu_s
    done = await _commands(stage) - commands - _OWN_COMMANDS
    return {"idle_commands": done / plan.idle_s, "idle_cpu": 100 * used_s / plan.idle_s}


async def _commands(stage: Stage) -> int:
    return int((await stage.redis.info("stats"))["total_commands_processed"])


async def _lateness(agent: AgentCall, plan: Plan, ledger: Ledger, worker: Child) -> list[float]:
    """Milliseconds from each due time to the start of the handler."""
    first, count = 1 + plan.pick_ups, plan.scheduled
    due = await agent.ask("schedule", first=first, count=count, ahead_s=_LEAD_S, spread_s=plan.scheduled_s)
    within_s = _LEAD_S + plan.scheduled_s + _LATE_S
    began = slice(first, first + count)
    await wait_until(lambda: all(ledger.ended[began]), within_s, [worker], "all scheduled tasks ran")
    return [(at - due_at) / 1e6 for at, due_at in zip(ledger.begun_ns[began], due, strict=True)]


def _quantiles(name: str, values: list[float]) -> dict[str, float]:
    cuts = statistics.quantiles(values, n=100, method="inclusive")
    return {f"{name}_p50": cuts[49], f"{name}_p99": cuts[98]}
