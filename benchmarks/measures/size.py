"""What a large backlog costs: memory of the store, and what enqueue and processing take then."""

from __future__ import annotations

from benchmarks.measures.processing import rate_until
from benchmarks.peers.catalogue import OURS
from benchmarks.plan import Plan
from benchmarks.replay import fill
from benchmarks.stage import Stage

_PAYLOAD = 100
_SMALL = 1_000
_ENQUEUED = 500
_STOP_SHARE = 0.8


async def memory(stage: Stage, plan: Plan) -> dict[str, float]:
    """Bytes of the store per pending task with an argument of 100 characters."""
    stage.ledger(1)
    agent = await stage.agent()
    await fill(stage, agent, "noop", 1, _PAYLOAD)
    before = await _used(stage)
    await fill(stage, agent, "noop", plan.memory_tasks, _PAYLOAD)
    return {"memory_per_task": (await _used(stage) - before) / (plan.memory_tasks - 1)}


async def growth(stage: Stage, plan: Plan) -> dict[str, float]:
    """The cost of an enqueue and of a processed task with a large backlog, over that with a small one."""
    small = await _at(stage, plan, _SMALL)
    large = await _at(stage, plan, plan.growth_tasks)
    return {
        "growth_enqueue": large["enqueue_s"] / small["enqueue_s"],
        "growth_processing": large["task_s"] / small["task_s"],
    }


async def _at(stage: Stage, plan: Plan, backlog: int) -> dict[str, float]:
    # A small backlog would be gone before it is measured: for it, processing is that of a round.
    count = max(backlog, round(stage.contender.pace * plan.busy_s))
    ledger = stage.ledger(count + _ENQUEUED)
    agent = await stage.agent()
    await fill(stage, agent, "noop", backlog)
    took_s = await agent.ask("enqueue", kind="noop", first=backlog, count=_ENQUEUED, how="single")
    if count > backlog:
        await stage.redis.flushdb()
        await fill(stage, agent, "noop", count)
    else:
        count += _ENQUEUED
    worker = await stage.worker()
    measured = min(round(stage.contender.pace * plan.busy_s), round(count * _STOP_SHARE))
    rate = await rate_until(ledger, measured // 10, measured, [worker], plan.timeout_s)
    await worker.kill()
    ended, left = ledger.count_ended(), await agent.ask("unfinished")
    # Killed, so tasks whose handlers ended may not have been acknowledged. Of ours none may be missing; Celery loses
    # the one that it has taken off the list, but not yet noted, and other peers may do likewise.
    missing = count - ended - left
    if missing > (0 if stage.contender.name == OURS else 1) or ledger.count_ended(1) != ended:
        raise AssertionError(f"of {count} tasks {ended} ended and {left} are left")
    await stage.redis.flushdb()
    return {"enqueue_s": took_s / _ENQUEUED, "task_s": 1 / rate}


async def _used(stage: Stage) -> int:
    """Without the buffers of connections."""
    info = await stage.redis.info("memory")
    return int(info["used_memory"]) - int(info["mem_clients_normal"])
