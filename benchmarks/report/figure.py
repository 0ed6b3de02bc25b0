"""Figures of the report: their definitions, and the summary of samples of several rounds."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.peers.contender import BY_NAME, OURS


@dataclass(frozen=True)
class Figure:
    """One line of the table."""

    name: str
    title: str
    unit: str
    more_is_better: bool = False
    at_least_once_only: bool = False
    """Whether the comparison excludes contenders that may lose a task."""
    digits: int = 0
    """Decimal places."""
    has_ratio: bool = True
    """Whether a ratio to other contenders is meaningful."""


_PER_S = "tasks/s"

FIGURES = (
    Figure("enqueue_single", "Enqueue, sequential", _PER_S, True),
    Figure("enqueue_concurrent", "Enqueue, 64 callers (16 threads for blocking clients)", _PER_S, True),
    Figure("enqueue_batch", "Enqueue, batches of 100", _PER_S, True),
    Figure("noop_one_process", "No-op tasks, one worker process", _PER_S, True, at_least_once_only=True),
    Figure("noop_two_processes", "No-op tasks, two worker processes", _PER_S, True, at_least_once_only=True),
    Figure("sleeping_tasks", "Tasks that sleep 10 ms, one worker process", _PER_S, True, at_least_once_only=True),
    Figure("idle_pickup_p50", "Idle pick-up, median", "ms", digits=2),
    Figure("idle_pickup_p99", "Idle pick-up, p99", "ms", digits=2),
    Figure("scheduled_lateness_p50", "Lateness of scheduled tasks, median", "ms", digits=1),
    Figure("scheduled_lateness_p99", "Lateness of scheduled tasks, p99", "ms", digits=1),
    Figure("scheduled_earliest", "Lateness of scheduled tasks, minimum", "ms", digits=1, has_ratio=False),
    Figure("memory_per_task", "Memory per pending task, 100-byte argument", "bytes"),
    Figure(
        "growth_enqueue",
        "Enqueue with a large backlog, cost relative to 1,000 pending",
        "times",
        digits=2,
        has_ratio=False,
    ),
    Figure(
        "growth_processing",
        "Processing with a large backlog, cost relative to a small one",
        "times",
        digits=2,
        has_ratio=False,
    ),
    Figure("crash_recovery", "kill -9: recovery of all orphans", "s", digits=1),
    Figure("crash_lost", "kill -9: tasks not recovered in time", "tasks", has_ratio=False),
    Figure("crash_twice", "kill -9: tasks executed twice", "tasks", has_ratio=False),
    Figure("idle_commands", "Idle worker: store commands", "per s", digits=1),
    Figure("idle_cpu", "Idle worker: processor", "% of a core", digits=2),
    Figure("http_enqueue_single", "HTTP, 64 connections, single tasks", "requests/s", True),
    Figure("http_enqueue_batch", "HTTP, 64 connections, batches of 100", _PER_S, True),
    Figure("raw_lpush", "Server only: LPUSH, 50 clients", "per s", True, has_ratio=False),
    Figure("raw_lpush_pipelined", "Server only: LPUSH, 50 clients, pipeline of 16", "per s", True, has_ratio=False),
)

FIGURE = {figure.name: figure for figure in FIGURES}

Samples = Mapping[str, Mapping[str, Sequence[float]]]
"""Figure -> contender or yardstick -> one value per round."""


@dataclass
class Collected:
    """Samples and failures of a run."""

    samples: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)

    def add(self, figure: str, who: str, value: float) -> None:
        """Add a sample.

        Raises:
            KeyError: unknown figure.
        """
        self.samples.setdefault(FIGURE[figure].name, {}).setdefault(who, []).append(value)


def summarise(samples: Samples) -> dict[str, dict[str, Any]]:
    """The medians, in the order of :data:`FIGURES`; per figure ``ours``, ``peers``, ``unit`` and ``range``."""
    return {figure.name: _summary(figure, samples[figure.name]) for figure in FIGURES if figure.name in samples}


def _summary(figure: Figure, by_contender: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    medians = {who: statistics.median(values) for who, values in by_contender.items()}
    compared = {who: value for who, value in medians.items() if who != OURS and not _is_left_out(figure, who)}
    return {
        "ours": medians.get(OURS),
        "peers": compared,
        "unit": figure.unit,
        "more_is_better": figure.more_is_better,
        "range": {who: [min(values), max(values)] for who, values in by_contender.items()},
        "left_out": {who: value for who, value in medians.items() if _is_left_out(figure, who)},
    }


def _is_left_out(figure: Figure, who: str) -> bool:
    return figure.at_least_once_only and who in BY_NAME and not BY_NAME[who].at_least_once


def ratio(summary: Mapping[str, Any]) -> float | None:
    """Taskyard relative to the best of the others; above 1 Taskyard is better.

    ``None`` without values to compare, or where a value is not positive.
    """
    ours = summary["ours"]
    # A scheduled task that starts early is not an advantage.
    others = [value for value in summary["peers"].values() if value > 0]
    if ours is None or ours <= 0 or not others:
        return None
    best = max(others) if summary["more_is_better"] else min(others)
    return float(ours / best if summary["more_is_better"] else best / ours)
