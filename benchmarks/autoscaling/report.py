"""Table of the documentation."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from benchmarks.autoscaling.result import Result
from benchmarks.autoscaling.simulation import Trace

_BEGIN, _END = "<!-- results -->\n", "<!-- end of results -->\n"
_HEAD = (
    "| Trace | Policy | Wait p50, s | Wait p99, s | Longest queue, s | Replica-seconds | Interrupted | Changes |\n"
    "|---|---|---|---|---|---|---|---|\n"
)


class TracedResults(NamedTuple):
    trace: Trace
    results: list[Result]


def tabulate(traced: list[TracedResults]) -> str:
    rows = [
        f"| {trace.name if number == 0 else ''} | {_row(result)} |\n"
        for trace, results in traced
        for number, result in enumerate(results)
    ]
    notes = [
        f"\nOn `{trace.name}`, {result.policy} left {result.unfinished} tasks unfinished an hour after the last "
        "arrival: it removes pods as soon as the list is empty, and interrupts the same tasks repeatedly.\n"
        for trace, results in traced
        for result in results
        if result.unfinished
    ]
    return _HEAD + "".join(rows + notes)


def replace_results(page: Path, table: str) -> None:
    before, rest = page.read_text().split(_BEGIN)
    after = rest.split(_END)[1]
    page.write_text(f"{before}{_BEGIN}{table}{_END}{after}")


def _row(result: Result) -> str:
    return (
        f"{result.policy} | {result.p50_wait_s:.2f} | {result.p99_wait_s:.2f} | {result.drain_s:.0f} "
        f"| {result.replica_s:,.0f} | {result.interrupted} | {result.changes}"
    )
