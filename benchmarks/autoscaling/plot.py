"""Plots of the documentation: pods and pending tasks over time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from benchmarks.autoscaling.simulation import Simulation, Trace

_COLOURS = {"Taskyard": "#0072b2", "HPA on depth": "#d55e00", "KEDA list": "#009e73"}


def draw(trace: Trace, simulations: Sequence[Simulation], path: Path) -> None:
    """Draw all policies on one trace: pods above, pending tasks below."""
    figure = Figure(figsize=(9, 4.5), layout="constrained", dpi=100)
    pods, pending = figure.subplots(2, 1, sharex=True)
    for simulation in simulations:
        minutes = [at / 60 for at, _, _ in simulation.timeline if at <= trace.length_s + 600]
        shown = simulation.timeline[: len(minutes)]
        colour = _COLOURS[simulation.policy.name]
        pods.step(minutes, [each for _, each, _ in shown], where="post", label=simulation.policy.name, color=colour)
        pending.step(minutes, [each for _, _, each in shown], where="post", color=colour)
    pods.set_title(trace.title)
    pods.set_ylabel("pods")
    pods.legend(loc="upper right", frameon=False)
    pending.set_ylabel("waiting tasks")
    pending.set_yscale("symlog", linthresh=10)
    pending.set_xlabel("minutes")
    path.parent.mkdir(parents=True, exist_ok=True)
    # Without version and date: equal results give equal files.
    with mpl.rc_context({"savefig.bbox": "standard"}):
        figure.savefig(path, metadata={"Software": None})
