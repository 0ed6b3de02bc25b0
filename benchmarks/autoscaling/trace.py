"""Workload traces: five load patterns, each with its own difficulty."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator

from benchmarks.autoscaling.simulation import Task, Trace

HOUR_S = 3600.0


def all_traces(seed: int = 0) -> list[Trace]:
    return [steady(seed), daily_wave(seed), burst(seed), cron_spike(seed), long_tasks(seed)]


def steady(seed: int) -> Trace:
    source = random.Random(seed + 1)
    tasks = [Task(at, source.expovariate(1 / 0.5)) for at in _poisson(source, lambda _: 60.0, 60.0, HOUR_S)]
    return Trace("steady", "60 tasks/s of 0.5 s for an hour", 10, HOUR_S, tasks)


def daily_wave(seed: int) -> Trace:
    """A day in four hours."""
    source = random.Random(seed + 2)
    length_s = 4 * HOUR_S

    def rate(at: float) -> float:
        return 2 + 38 * (0.5 - 0.5 * math.cos(2 * math.pi * at / length_s)) ** 2

    tasks = [Task(at, source.expovariate(1.0)) for at in _poisson(source, rate, 40.0, length_s)]
    return Trace("wave", "a day in four hours: 2 to 40 tasks/s of 1 s", 10, length_s, tasks)


def burst(seed: int) -> Trace:
    """Two large batches on top of a steady load."""
    source = random.Random(seed + 3)
    background = [Task(at, source.expovariate(1.0)) for at in _poisson(source, lambda _: 4.0, 4.0, HOUR_S)]
    batches = [Task(at, source.expovariate(1.0)) for at in (600.0, 2400.0) for _ in range(6000)]
    return Trace("burst", "4 tasks/s of 1 s, and twice 6,000 at once", 10, HOUR_S, sorted(background + batches))


def cron_spike(seed: int) -> Trace:
    """Scheduled tasks every 15 minutes, none in between."""
    source = random.Random(seed + 4)
    spikes = [
        Task(at + source.uniform(0, 5), source.expovariate(1.0))
        for at in (900.0, 1800.0, 2700.0, 3600.0)
        for _ in range(1500)
    ]
    return Trace("cron", "1,500 scheduled tasks of 1 s every 15 minutes", 10, 4200.0, sorted(spikes), scheduled=True)


def long_tasks(seed: int) -> Trace:
    """Tasks of many minutes, whose interruption wastes work."""
    source = random.Random(seed + 5)

    def rate(at: float) -> float:
        return 0.12 if at % HOUR_S < HOUR_S / 2 else 0.02

    tasks = [Task(at, source.uniform(120, 900)) for at in _poisson(source, rate, 0.12, 3 * HOUR_S)]
    return Trace(
        "long", "tasks of 2 to 15 minutes, 7 a minute and 1 a minute by turns", 4, 3 * HOUR_S, tasks, utilization=75
    )


def _poisson(source: random.Random, rate: Callable[[float], float], most: float, length_s: float) -> Iterator[float]:
    """Arrivals of an inhomogeneous Poisson process, by thinning."""
    at = source.expovariate(most)
    while at < length_s:
        if source.random() < rate(at) / most:
            yield at
        at += source.expovariate(most)
