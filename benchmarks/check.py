"""Regression check: ``make bench-check``.

Compares ratios to peers and yardsticks, measured in one run, with the accepted ones (``results/accepted.json``). Ratios
are reproducible on other days and machines; times are not.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace

from benchmarks.peers.contender import BY_NAME, OURS
from benchmarks.plan import QUICK
from benchmarks.report.baseline import find_regressions, read_baseline, write_baseline
from benchmarks.report.figure import ratio, summarise
from benchmarks.run import HTTP, run

_PLAN = replace(QUICK, rounds=5, idle_rounds=3, busy_s=2.0, pick_up_s=4.0, pick_ups=200)
# The fastest peer of each kind suffices for a comparison.
_CONTENDERS = (OURS, "dramatiq", "taskiq")
_MEASURES = ("enqueue", "noop_one_process", "sleeping_tasks", "waiting", "memory", HTTP)
_FIGURES = (
    "enqueue_single",
    "enqueue_concurrent",
    "noop_one_process",
    "sleeping_tasks",
    "idle_pickup_p50",
    "memory_per_task",
    "http_enqueue_single",
    "http_enqueue_batch",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and compare.

    Returns:
        The exit code: 1 after a regression or a failed measurement.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks.check", description=__doc__)
    parser.add_argument("--accept", action="store_true", help="write the measured ratios as the new baseline")
    options = parser.parse_args(arguments)
    collected = run(_PLAN, [BY_NAME[name] for name in _CONTENDERS], _MEASURES)
    summaries = summarise(collected.samples)
    found = {name: ratio(summaries[name]) for name in _FIGURES if name in summaries}
    measured = {name: round(value, 3) for name, value in found.items() if value is not None}
    if options.accept:
        write_baseline(measured)
        return int(bool(collected.failures))
    accepted = read_baseline()
    for name, value in measured.items():
        print(f"{name}: {value:.2f} times the best, accepted {accepted.get(name, float('nan')):.2f}")
    worse = [*find_regressions(accepted, measured), *collected.failures]
    for sentence in worse:
        print(f"WORSE {sentence}", file=sys.stderr)
    return int(bool(worse))


if __name__ == "__main__":
    sys.exit(main())
