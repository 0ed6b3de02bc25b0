"""Simulate every policy on every trace, and write the table and the plots into the documentation.

``make bench-autoscaling``; ``ARGS="--seed 100"`` uses other arrivals and only prints the table, as does
``--trace`` for the traces that it names. Exit code 1 if the
planner misses its goal on a trace.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from statistics import quantiles

from benchmarks.autoscaling.plot import draw
from benchmarks.autoscaling.policy import HpaOnDepth, KedaList, Taskyard
from benchmarks.autoscaling.report import TracedResults, replace_results, tabulate
from benchmarks.autoscaling.result import Result, find_misses
from benchmarks.autoscaling.simulation import Policy, Simulation, Trace
from benchmarks.autoscaling.trace import all_traces

DOCS = Path(__file__).parents[2] / "docs"


def simulate(trace: Trace) -> list[Simulation]:
    policies: list[Policy] = [Taskyard(trace), HpaOnDepth(), KedaList()]
    return [Simulation(trace, policy).run() for policy in policies]


def measure(simulation: Simulation) -> Result:
    cuts = quantiles(simulation.waits, n=100)
    return Result(
        policy=simulation.policy.name,
        p50_wait_s=cuts[49],
        p99_wait_s=cuts[98],
        drain_s=simulation.longest_queue_s,
        replica_s=simulation.replica_s,
        interrupted=simulation.interrupted,
        changes=simulation.changes,
        unfinished=len(simulation.trace.tasks) - simulation.ended,
    )


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=0, help="other arrivals; only prints the table")
    parser.add_argument("--trace", action="append", help="only this trace; only prints the table")
    arguments = parser.parse_args()
    seed, names = arguments.seed, arguments.trace
    writes = seed == 0 and not names
    results: list[TracedResults] = []
    for trace in all_traces(seed):
        if names and trace.name not in names:
            continue
        simulations = simulate(trace)
        results.append(TracedResults(trace, [measure(simulation) for simulation in simulations]))
        if writes:
            draw(trace, simulations, DOCS / "images" / f"autoscaling-{trace.name}.png")
    table = tabulate(results)
    print(table)
    if writes:
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
