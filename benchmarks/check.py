"""See whether a change made Taskyard slower: ``make bench-check``.

Ratios to peers and yardsticks that are measured in the same run are compared with those that were accepted earlier
(``results/accepted.json``). A ratio holds on another day and another machine where a time does not.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace

from benchmarks.accepted import find_worse, read_accepted, write_accepted
from benchmarks.figures import ratio, summarise
from benchmarks.peers.catalogue import BY_NAME, OURS
from benchmarks.plan import QUICK
from benchmarks.run import HTTP, run

_PLAN = replace(QUICK, rounds=5, idle_rounds=3, busy_s=2.0, pick_up_s=4.0, pick_ups=200)
# The fastest of each kind is enough to compare with.
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
        The exit code: 1 if something is worse or could not be measured.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks.check", description=__doc__)
    parser.add_argument("--accept", action="store_true", help="take what is measured now as what is expected")
    options = parser.parse_args(arguments)
    collected = run(_PLAN, [BY_NAME[name] for name in _CONTENDERS], _MEASURES)
    summaries = summarise(collected.samples)
    found = {name: ratio(summaries[name]) for name in _FIGURES if name in summaries}
    measured = {name: round(value, 3) for name, value in found.items() if value is not None}
    if options.accept:
        write_accepted(measured)
        return int(bool(collected.failures))
    accepted = read_accepted()
    for name, value in measured.items():
        print(f"{name}: {value:.2f} times the best, accepted {accepted.get(name, float('nan')):.2f}")
    worse = [*find_worse(accepted, measured), *collected.failures]
    for sentence in worse:
        print(f"WORSE {sentence}", file=sys.stderr)
    return int(bool(worse))


if __name__ == "__main__":
    sys.exit(main())
