"""Tasks enqueued per second through each contender's own client."""

from __future__ import annotations

from benchmarks.plan import Plan
from benchmarks.stage import Stage


async def enqueue(stage: Stage, plan: Plan) -> dict[str, float]:
    """One after the other, by many callers at once, and in batches where there is such a call."""
    ways = {"single": plan.singles, "concurrent": plan.concurrent}
    if stage.contender.has_batches:
        ways["batch"] = plan.batched
    stage.ledger(1)
    agent = await stage.agent()
    await agent.ask("enqueue", kind="noop", first=0, count=50, how="concurrent")
    held = await agent.ask("unfinished")
    rates = {}
    for how, count in ways.items():
        took_s = await agent.ask("enqueue", kind="noop", first=0, count=count, how=how)
        held += count
        if (found := await agent.ask("unfinished")) != held:
            raise AssertionError(f"{held} tasks were enqueued, the store holds {found}")
        rates[f"enqueue_{how}"] = count / took_s
    return rates
