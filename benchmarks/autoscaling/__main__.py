"""Simulate every policy on every trace, and write the table and the plots into the documentation.

``make bench-autoscaling``; with ``ARGS="--seed 100"`` other arrivals, which are printed only. Exit code 1 where the
planner misses its goal on a trace.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from statistics import quantiles

from benchmarks.autoscaling.model import Policy, Trace, World
from benchmarks.autoscaling.plots import draw
from benchmarks.autoscaling.policies import HpaOnDepth, KedaList, Taskyard
from benchmarks.autoscaling.report import TracedResults, replace_results, tabulate
from benchmarks.autoscaling.result import Result, find_misses
from benchmarks.autoscaling.traces import all_traces

DOCS = Path(__file__).parents[2] / "docs"


def simulate(trace: Trace) -> list[World]:
    policies: list[Policy] = [Taskyard(trace.slots, trace.utilization), HpaOnDepth(), KedaList()]
    return [World(trace, policy).run() for policy in policies]


def measure(world: World) -> Result:
    cuts = quantiles(world.waits, n=100)
    return Result(
        policy=world.policy.name,
        p50_wait_s=cuts[49],
        p99_wait_s=cuts[98],
        drain_s=world.longest_queue_s,
        replica_s=world.replica_s,
        interrupted=world.interrupted,
        changes=world.changes,
        unfinished=len(world.trace.tasks) - world.ended,
    )


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0, help="other arrivals, which are printed only")
    seed = parser.parse_args().seed
    results: list[TracedResults] = []
    for trace in all_traces(seed):
        worlds = simulate(trace)
        results.append(TracedResults(trace, [measure(world) for world in worlds]))
        if seed == 0:
            draw(trace, worlds, DOCS / "images" / f"autoscaling-{trace.name}.png")
    table = tabulate(results)
    print(table)
    if seed == 0:
        replace_results(DOCS / "autoscaling.md", table)
    misses = [
        f"{traced.trace.name}: {miss}"
        for traced in results
        for miss in find_misses(traced.results[0], traced.results[1:])
    ]
    for miss in misses:
        sys.stderr.write(f"MISSED on {miss}\n")
    return 1 if misses else 0


if __name__ == "__main__":
    sys.exit(main())
