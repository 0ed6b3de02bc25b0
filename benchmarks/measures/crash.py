"""A worker killed with SIGKILL while it runs tasks, and another that goes on."""

from __future__ import annotations

import asyncio
import time

from benchmarks.ledger import Ledger
from benchmarks.plan import Plan
from benchmarks.processes import AgentCall, Child
from benchmarks.stage import Stage, wait_until

_SLOTS = 20
_READY_S = 60.0


async def crash(stage: Stage, plan: Plan) -> dict[str, float]:
    """How long until all tasks that ran at the kill run again, how many never do, and how many run twice.

    All the while one further task a second comes in, as in life: some contenders look after orphans only then.
    """
    slots = _SLOTS if stage.contender.many_slots > 1 else 1
    count = slots * 3
    ledger = stage.ledger(count + round(plan.recovery_s) + 1)
    agent = await stage.agent()
    await agent.ask("enqueue", kind="hold", first=0, count=count, how="single")
    await stage.companions()
    doomed = await stage.worker(slots)
    await wait_until(lambda: _is_running(ledger, slots), _READY_S, [doomed], "the worker runs tasks")
    # Well within the second that each takes.
    await asyncio.sleep(0.3)
    await doomed.kill()
    killed_ns = time.monotonic_ns()
    orphans = [task for task in range(count) if ledger.begun[task] and not ledger.ended[task]]
    before = list(ledger.begun)
    successor = await stage.worker(slots)
    traffic = asyncio.create_task(_keep_coming(agent, range(count, ledger.size)))
    lost = await _wait_for_all(ledger, count, plan.recovery_s, successor)
    traffic.cancel()
    again = [ledger.begun_ns[task] for task in orphans if ledger.begun[task] > before[task]]
    figures = {
        "crash_lost": float(lost),
        "crash_twice": float(sum(ended > 1 for ended in ledger.ended[:count])),
    }
    if orphans and len(again) == len(orphans):
        figures["crash_recovery"] = (max(again) - killed_ns) / 1e9
    return figures


def _is_running(ledger: Ledger, slots: int) -> bool:
    begun = bytes(ledger.begun)
    return len(begun) - begun.count(0) - ledger.count_ended() >= slots


async def _keep_coming(agent: AgentCall, numbers: range) -> None:
    for number in numbers:
        await agent.ask("enqueue", kind="noop", first=number, count=1, how="single")
        await asyncio.sleep(1)


async def _wait_for_all(ledger: Ledger, count: int, within_s: float, worker: Child) -> int:
    """Tasks that never ended."""
    try:
        await wait_until(lambda: all(ledger.ended[:count]), within_s, [worker], "all tasks ended")
    except TimeoutError:
        return bytes(ledger.ended[:count]).count(0)
    return 0
