"""The plots of the documentation: pods and waiting tasks over time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from benchmarks.autoscaling.model import Trace, World

_COLOURS = {"Taskyard": "#0072b2", "HPA on depth": "#d55e00", "KEDA list": "#009e73"}


def draw(trace: Trace, worlds: Sequence[World], path: Path) -> None:
    """Draw all policies on one trace, one under the other's axis."""
    figure = Figure(figsize=(9, 4.5), layout="constrained", dpi=100)
    pods, pending = figure.subplots(2, 1, sharex=True)
    for world in worlds:
        minutes = [at / 60 for at, _, _ in world.timeline if at <= trace.length_s + 600]
        shown = world.timeline[: len(minutes)]
        colour = _COLOURS[world.policy.name]
        pods.step(minutes, [each for _, each, _ in shown], where="post", label=world.policy.name, color=colour)
        pending.step(minutes, [each for _, _, each in shown], where="post", color=colour)
    pods.set_title(trace.title)
    pods.set_ylabel("pods")
    pods.legend(loc="upper right", frameon=False)
    pending.set_ylabel("waiting tasks")
    pending.set_yscale("symlog", linthresh=10)
    pending.set_xlabel("minutes")
    path.parent.mkdir(parents=True, exist_ok=True)
    # No version and date inside: the same results give the same file.
    with mpl.rc_context({"savefig.bbox": "standard"}):
        figure.savefig(path, metadata={"Software": None})
