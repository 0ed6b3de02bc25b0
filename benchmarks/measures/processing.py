"""Tasks processed per second from a backlog."""

from __future__ import annotations

from benchmarks.ledger import Ledger
from benchmarks.peers.catalogue import NAP_S
from benchmarks.plan import Plan
from benchmarks.processes import Child
from benchmarks.replay import fill
from benchmarks.stage import Stage, check_each_ran_once, wait_until, wait_until_settled

_SETTLE_S = 20.0
_WARM = 0.1
"""The share of the tasks that is done before the clock starts: the start of Python is not what is measured."""


async def noop_one_process(stage: Stage, plan: Plan) -> dict[str, float]:
    """Tasks that do nothing, one worker process."""
    count = round(stage.contender.pace * plan.busy_s)
    return {"noop_one_process": await _drain(stage, plan, "noop", count, stage.contender.slots, processes=1)}


async def noop_two_processes(stage: Stage, plan: Plan) -> dict[str, float]:
    """Tasks that do nothing, two worker processes."""
    count = round(stage.contender.pace * plan.busy_s * 1.5)
    return {"noop_two_processes": await _drain(stage, plan, "noop", count, stage.contender.slots, processes=2)}


async def sleeping_tasks(stage: Stage, plan: Plan) -> dict[str, float]:
    """Tasks that sleep 10 ms, one worker process with many slots."""
    slots = stage.contender.many_slots
    count = round(min(stage.contender.pace, slots / NAP_S) * plan.busy_s * 0.8)
    return {"sleeping_tasks": await _drain(stage, plan, "nap", count, slots, processes=1)}


async def _drain(stage: Stage, plan: Plan, kind: str, count: int, slots: int, processes: int) -> float:
    ledger = stage.ledger(count)
    agent = await stage.agent()
    await fill(stage, agent, kind, count)
    workers = [await stage.worker(slots) for _ in range(processes)]
    rate = await rate_until(ledger, round(count * _WARM), count, workers, plan.timeout_s)
    await wait_until_settled(agent, _SETTLE_S)
    check_each_ran_once(ledger, count)
    return rate


async def rate_until(ledger: Ledger, first: int, last: int, workers: list[Child], within_s: float) -> float:
    """Tasks per second between the moments at which ``first`` and ``last`` tasks have ended."""
    began = await wait_until(lambda: ledger.count_ended() >= max(first, 1), within_s, workers, "the first tasks ended")
    done = ledger.count_ended()
    ended = await wait_until(lambda: ledger.count_ended() >= last, within_s, workers, f"{last} tasks ended")
    return (ledger.count_ended() - done) / (ended - began)
