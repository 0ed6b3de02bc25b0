"""Bar charts of all contenders, one picture per group of figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Picture

from benchmarks.peers.contender import BY_NAME, OURS
from benchmarks.report.figure import FIGURE, ratio

GROUPS = {
    "enqueue": ("enqueue_single", "enqueue_concurrent", "enqueue_batch"),
    "processing": ("noop_one_process", "noop_two_processes", "sleeping_tasks"),
    "latency": ("idle_pickup_p50", "idle_pickup_p99", "scheduled_lateness_p50", "scheduled_lateness_p99"),
    "cost": ("memory_per_task", "growth_processing", "crash_recovery", "idle_commands"),
    "http": ("http_enqueue_single", "http_enqueue_batch"),
}
_OURS_COLOUR, _PEERS_COLOUR = "#0072b2", "#b0b0b0"
_RATIO_OF_SCALES = 50


def draw_groups(summaries: Mapping[str, Mapping[str, Any]], folder: Path) -> list[Path]:
    """Write one picture for each group with measured figures.

    Returns:
        The files.
    """
    written = []
    for group, names in GROUPS.items():
        if found := [name for name in names if name in summaries]:
            path = folder / f"{group}.png"
            _draw(found, summaries, path)
            written.append(path)
    return written


def save(picture: Picture, path: Path) -> None:
    """Write a picture without version and date: equal figures give equal files."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context({"savefig.bbox": "standard"}):
        picture.savefig(path, metadata={"Software": None})


def _draw(names: Sequence[str], summaries: Mapping[str, Mapping[str, Any]], path: Path) -> None:
    picture = Picture(figsize=(4.2 * len(names), 3.2), layout="constrained", dpi=100)
    for axes, name in zip(picture.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        _draw_bars(axes, name, summaries[name])
    save(picture, path)


def _draw_bars(axes: Axes, name: str, summary: Mapping[str, Any]) -> None:
    figure = FIGURE[name]
    values = {**({} if summary["ours"] is None else {OURS: summary["ours"]}), **summary["peers"]}
    titles = [BY_NAME[each].title if each in BY_NAME else each for each in values]
    colours = [_OURS_COLOUR if each == OURS else _PEERS_COLOUR for each in values]
    bars = axes.barh(titles, list(values.values()), color=colours)
    axes.bar_label(bars, [f"{value:,.{figure.digits}f}" for value in values.values()], padding=3, fontsize=7)
    axes.invert_yaxis()
    positive = [value for value in values.values() if value > 0]
    if positive and max(positive) > _RATIO_OF_SCALES * min(positive):
        axes.set_xscale("log")
    axes.margins(x=0.3)
    axes.tick_params(labelsize=7)
    better = "more" if figure.more_is_better else "less"
    times = ratio(summary)
    note = f"; Taskyard {times:.2g} x the best" if times and figure.has_ratio else ""
    axes.set_title(f"{figure.title}\n{figure.unit}, {better} is better{note}", fontsize=8)
