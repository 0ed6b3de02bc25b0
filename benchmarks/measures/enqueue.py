"""Enqueue throughput of each contender's own client."""

from __future__ import annotations

from benchmarks.harness.testbed import Testbed
from benchmarks.plan import Plan


async def enqueue(testbed: Testbed, plan: Plan) -> dict[str, float]:
    """Sequential, concurrent and, for clients with such a call, batched enqueues."""
    ways = {"single": plan.singles, "concurrent": plan.concurrent}
    if testbed.contender.has_batches:
        ways["batch"] = plan.batched
    testbed.record_executions(1)
    driver = await testbed.driver()
    await driver.call("enqueue", kind="noop", first=0, count=50, how="concurrent")
    held = await driver.call("unfinished")
    rates = {}
    for how, count in ways.items():
        took_s = await driver.call("enqueue", kind="noop", first=0, count=count, how=how)
        held += count
        if (found := await driver.call("unfinished")) != held:
            raise AssertionError(f"{held} tasks were enqueued, the store holds {found}")
        rates[f"enqueue_{how}"] = count / took_s
    return rates
