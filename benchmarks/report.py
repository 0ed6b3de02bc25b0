"""The files of a run: ``latest.json``, ``latest.md`` and the plots."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.figures import Collected, summarise
from benchmarks.measures.raw import tool
from benchmarks.peers.environments import ROOT
from benchmarks.plan import Plan
from benchmarks.plots import draw_groups
from benchmarks.table import tabulate, tabulate_settings, tabulate_yardsticks

JSON = "latest.json"
MARKDOWN = "latest.md"

_NOTE = (
    "`-`: it has no such call, or the figure could not be taken. The last column says how many times better ours is "
    "than the best of the others; under 1 it is worse. For processing, those that may lose tasks are not among them.\n"
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
            "# Taskyard and its peers, side by side\n",
            _run_line(plan),
            tabulate(summaries),
            _NOTE,
            tabulate_yardsticks(summaries),
            f"The server alone was measured by {tool()}.\n",
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
        f"growth and crash). The large backlog of the growth rows is {plan.growth_tasks:,} tasks. Each figure counts "
        "only if every task ran exactly once, or, where tasks are only enqueued, if the store holds every one.\n"
    )


def _failures(failures: Sequence[str]) -> list[str]:
    if not failures:
        return []
    # Without the places of this machine.
    shown = [" ".join(failure.replace(str(ROOT), ".").split())[:400] for failure in failures]
    lines = "".join(f"- {failure}\n" for failure in shown)
    return [f"## What could not be measured\n\n{lines}"]
