"""Results as Markdown tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.peers.contender import BY_NAME, CONTENDERS, OURS
from benchmarks.report.figure import FIGURE, Figure, ratio

Summaries = Mapping[str, Mapping[str, Any]]

EMPTY_ROUTE = "empty Litestar route"
ONE_BY_ONE = "one by one"
RAW = "raw server"
_YARDSTICKS = (EMPTY_ROUTE, ONE_BY_ONE, RAW)


def tabulate(summaries: Summaries) -> str:
    """One row per figure, one column per contender; the last column is Taskyard relative to the best peer."""
    names = [each.name for each in CONTENDERS if any(each.name in _values(summary) for summary in summaries.values())]
    rows = [["", "Unit", *(BY_NAME[name].title for name in names), "Ratio to the best peer"]]
    rows.append(["---", "---", *("---:" for _ in names), "---:"])
    for name, summary in summaries.items():
        values = _values(summary)
        if any(each in values for each in names) and not any(each in values for each in _YARDSTICKS):
            cells = [_cell(FIGURE[name], values.get(each)) for each in names]
            rows.append([FIGURE[name].title, FIGURE[name].unit, *cells, _ratio(name, summary)])
    return _render(rows)


def tabulate_yardsticks(summaries: Summaries) -> str:
    """Figures compared with the limits of the server and of the web framework."""
    rows = [["", "Unit", "Taskyard", "Yardstick", "Ratio"], ["---", "---", "---:", "---:", "---:"]]
    for name, summary in summaries.items():
        for who in _YARDSTICKS:
            if who in (values := _values(summary)):
                figure = FIGURE[name]
                shown = f"{_cell(figure, values[who])} ({who})"
                rows.append([figure.title, figure.unit, _cell(figure, values.get(OURS)), shown, _ratio(name, summary)])
    return _render(rows)


def tabulate_settings(names: Sequence[str]) -> str:
    """Delivery guarantee and settings of each contender."""
    rows = [["Contender", "Delivery", "Settings"], ["---", "---", "---"]]
    rows += [
        [each.title, "at least once" if each.at_least_once else "may lose tasks", each.settings]
        for each in CONTENDERS
        if each.name in names
    ]
    return _render(rows)


def _values(summary: Mapping[str, Any]) -> dict[str, float]:
    ours = {} if summary["ours"] is None else {OURS: summary["ours"]}
    return {**ours, **summary["peers"], **summary["left_out"]}


def _cell(figure: Figure, value: float | None) -> str:
    return "-" if value is None else f"{value:,.{figure.digits}f}"


def _ratio(name: str, summary: Mapping[str, Any]) -> str:
    found = ratio(summary) if FIGURE[name].has_ratio else None
    return "" if found is None else f"{found:.2f}"


def _render(rows: Sequence[Sequence[str]]) -> str:
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)
