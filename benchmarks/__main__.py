"""Compare Taskyard with its peers: ``make bench``, or ``python -m benchmarks --help``."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from benchmarks.peers.contender import BY_NAME, OURS
from benchmarks.plan import FULL, QUICK, RESULTS
from benchmarks.report.files import write
from benchmarks.run import NAMES, run


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, write the results, print the table.

    Returns:
        The exit code: 1 if a measurement of Taskyard failed; failures of peers are only reported.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="run less than 5 minutes instead of less than 60")
    parser.add_argument("--contenders", type=_names(BY_NAME), default=list(BY_NAME), help="only these, comma-separated")
    parser.add_argument("--measures", type=_names(NAMES), default=list(NAMES), help="only these, comma-separated")
    parser.add_argument(
        "--out", type=Path, help="folder of the results; required to write the results of a partial run"
    )
    options = parser.parse_args(arguments)
    plan = QUICK if options.quick else FULL
    began = time.monotonic()
    collected = run(plan, [BY_NAME[name] for name in options.contenders], options.measures)
    is_whole = len(options.contenders) == len(BY_NAME) and len(options.measures) == len(NAMES)
    if folder := options.out or (RESULTS if is_whole else None):
        print(write(collected, plan, options.contenders, folder))
    print(f"{(time.monotonic() - began) / 60:.1f} minutes, {len(collected.failures)} failures", file=sys.stderr)
    ours = (BY_NAME[OURS].title, "http", "raw")
    return int(any(failure.startswith(ours) for failure in collected.failures))


def _names(known: Collection[str]) -> Callable[[str], list[str]]:
    def parse(text: str) -> list[str]:
        names = text.split(",")
        if unknown := [name for name in names if name not in known]:
            raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}; known: {', '.join(known)}")
        return names

    return parse


if __name__ == "__main__":
    sys.exit(main())
