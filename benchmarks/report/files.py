"""Result files of a run: ``latest.json``, ``latest.md`` and the plots."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.measures.raw import tool
from benchmarks.peers.environment import ROOT
from benchmarks.plan import Plan
from benchmarks.report.figure import Collected, summarise
from benchmarks.report.plot import draw_groups
from benchmarks.report.table import tabulate, tabulate_settings, tabulate_yardsticks

JSON = "latest.json"
MARKDOWN = "latest.md"

_NOTE = (
    "`-`: the contender has no such call, or the measurement failed. The last column compares Taskyard with the best "
    "peer; above 1 Taskyard is better. For processing, it excludes contenders that may lose tasks.\n"
)


def write(collected: Collected, plan: Plan, contenders: Sequence[str], folder: Path) -> str:
    """Write all files of a run into a folder.

    Returns:
        The Markdown.
    """
    folder.mkdir(parents=True, exist_ok=True)
    summaries = summarise(collected.samples)
    (folder / JSON).write_text(json.dumps(summaries, indent=1) + "\n")
    plots = draw_groups(summaries, folder)
    page = "\n".join(
        [
            "# Comparison of Taskyard with its peers\n",
            _run_line(plan),
            tabulate(summaries),
            _NOTE,
            tabulate_yardsticks(summaries),
            f"Tool of the server-only rows: {tool()}.\n",
            tabulate_settings(contenders),
            *(f"![{plot.stem}]({plot.name})\n" for plot in plots),
            *_failures(collected.failures),
        ]
    )
    (folder / MARKDOWN).write_text(page)
    return page


def _run_line(plan: Plan) -> str:
    day = datetime.now(UTC).date()
    return (
        f"{day}, a {plan.name} run on {os.cpu_count()} cores, Python {platform.python_version()}, one Valkey without "
        f"persistence; medians of {plan.rounds} rounds ({plan.idle_rounds} for latency and idle cost, 1 for memory, "
        f"growth and crash). The large backlog is {plan.growth_tasks:,} tasks. A figure counts only if every task ran "
        "exactly once or, for enqueue, if the store holds every task.\n"
    )


def _failures(failures: Sequence[str]) -> list[str]:
    if not failures:
        return []
    # Without paths of this machine.
    shown = [" ".join(failure.replace(str(ROOT), ".").split())[:400] for failure in failures]
    lines = "".join(f"- {failure}\n" for failure in shown)
    return [f"## Failed measurements\n\n{lines}"]
