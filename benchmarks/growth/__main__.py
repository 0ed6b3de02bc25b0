"""Measure the cost of growth: ``make bench-growth``, or ``python -m benchmarks.growth --help``."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import uvloop

from benchmarks.growth.cluster import cluster
from benchmarks.growth.curve import Curve, tabulate
from benchmarks.growth.report import read_json, write_curves, write_json
from benchmarks.growth.sizes import FULL, QUICK, Sizes
from benchmarks.growth.studies import Study, active, archived, payloads, pending, queues, scheduled, workers
from benchmarks.plan import RESULTS

_DOCS = Path(__file__).parents[2] / "docs"

STUDIES: dict[str, tuple[str, Study]] = {
    "pending": ("Pending tasks", pending),
    "scheduled": ("Tasks due at the same instant", scheduled),
    "active": ("Running tasks", active),
    "queues": ("Queues", queues),
    "workers": ("Workers", workers),
    "archived": ("Archived tasks", archived),
    "payloads": ("Payloads", payloads),
    "cluster": ("Redis Cluster", cluster),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the studies. A full run updates their sections of the documentation and leaves the others unchanged.

    Returns:
        The exit code: 1 if a study failed.
    """
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description=__doc__)
    parser.add_argument("studies", nargs="*", metavar="STUDY", help=f"only these: {', '.join(STUDIES)}")
    parser.add_argument("--quick", action="store_true", help="small sizes, as a smoke test")
    options = parser.parse_args(arguments)
    if unknown := set(options.studies) - set(STUDIES):
        parser.error(f"unknown studies: {', '.join(sorted(unknown))}")
    chosen = options.studies or list(STUDIES)
    sizes = QUICK if options.quick else FULL
    found: dict[str, Sequence[Curve]] = {}
    for name in chosen:
        curves = uvloop.run(_make(name, sizes))
        if curves is not None:
            found[name] = curves
    kept = RESULTS / "growth.json"
    known = read_json(kept) | found
    if not options.quick and len(known) == len(STUDIES):
        write_json(known, kept)
        titles = {name: title for name, (title, _) in STUDIES.items()}
        write_curves({name: known[name] for name in STUDIES}, titles, _DOCS / "images", _DOCS / "performance.md")
    return int(len(found) < len(chosen))


async def _make(name: str, sizes: Sizes) -> list[Curve] | None:
    began = time.monotonic()
    try:
        async with asyncio.timeout(3_600):
            curves = await STUDIES[name][1](sizes)
    except Exception as error:  # noqa: BLE001 - a failed study does not stop the others
        print(f"FAILED {name}: {type(error).__name__}: {error}", file=sys.stderr)
        return None
    for curve in curves:
        print(f"{curve.title}:\n\n{tabulate(curve)}")
    print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr)
    return curves


if __name__ == "__main__":
    sys.exit(main())
