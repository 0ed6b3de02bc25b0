"""Workload traces: load patterns, each with its own difficulty."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.autoscaling.simulation import Task, Trace

HOUR_S = 3600.0
_REAL_POOL: dict[str, Any] = {"least": 2, "most": 10, "drain": "30s", "utilization": 80}


def all_traces(seed: int = 0) -> list[Trace]:
    make = (
        steady,
        daily_wave,
        burst,
        cron_spike,
        long_tasks,
        long_batch,
        slower_tasks,
        alternating_tasks,
        mixed_types,
        slow_nodes,
        late_metrics,
        failing_tasks,
    )
    return [each(seed) for each in make]


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


def long_batch(seed: int) -> Trace:
    """Seen on a real cluster: a stream of short tasks, then a batch whose tasks take sixty times as long."""
    source = random.Random(seed + 6)
    short = [Task(at, 0.5) for at in sorted(source.uniform(0, 300) for _ in range(2508))]
    batch = [Task(300.0, 30.0) for _ in range(400)]
    return Trace("batch", "2,508 tasks of 0.5 s, then 400 of 30 s", 20, 900.0, short + batch, **_REAL_POOL)


def slower_tasks(seed: int) -> Trace:
    """Seen on a real cluster: tasks that take ten times as long from one moment to the next."""
    source = random.Random(seed + 7)
    tasks = [Task(at, 20.0 if 600 <= at < 1800 else 2.0) for at in _poisson(source, lambda _: 8.0, 8.0, 2400.0)]
    title = "8 tasks/s of 2 s, of 20 s after 10 minutes, and of 2 s again after 30"
    return Trace("slower", title, 20, 2400.0, tasks, **_REAL_POOL)


def alternating_tasks(seed: int) -> Trace:
    """Tasks that take long and short by turns, at the same rate."""
    source = random.Random(seed + 8)
    tasks = [
        Task(at, source.uniform(4, 10) if at % 1200 < 600 else source.expovariate(1 / 0.5))
        for at in _poisson(source, lambda _: 20.0, 20.0, HOUR_S)
    ]
    return Trace("turns", "20 tasks/s of 7 s and of 0.5 s by turns of 10 minutes", 20, HOUR_S, tasks)


def mixed_types(seed: int) -> Trace:
    """Short tasks all the time, and long ones of another type in phases."""
    source = random.Random(seed + 9)
    short = [
        Task(at, source.expovariate(1 / 0.2), "thumbnail") for at in _poisson(source, lambda _: 40.0, 40.0, HOUR_S)
    ]
    long = [
        Task(at, source.expovariate(1 / 20.0), "video")
        for at in _poisson(source, lambda at: 4.0 if at % 1200 < 300 else 0.1, 4.0, HOUR_S)
    ]
    title = "40 tasks/s of 0.2 s, and 4/s of 20 s for 5 of 20 minutes"
    return Trace("mixed", title, 10, HOUR_S, sorted(short + long), utilization=75, drain="5s")


def slow_nodes(seed: int) -> Trace:
    """Pods that wait for a node."""
    source = random.Random(seed + 10)

    def rate(at: float) -> float:
        return 5.0 + 55.0 * min(max(at % 1800 - 900, 0.0) / 240, 1.0)

    tasks = [Task(at, source.expovariate(1.0)) for at in _poisson(source, rate, 60.0, HOUR_S)]
    title = "twice from 5 to 60 tasks/s of 1 s within 4 minutes; pods need 2 minutes to start"
    return Trace("nodes", title, 10, HOUR_S, tasks, utilization=50, drain="1s", start_s=120.0)


def late_metrics(seed: int) -> Trace:
    """Metrics that are collected every 30 s only."""
    source = random.Random(seed + 11)
    background = [Task(at, source.expovariate(1.0)) for at in _poisson(source, lambda _: 10.0, 10.0, HOUR_S)]
    batches = [Task(at, source.expovariate(1 / 5.0)) for at in (610.0, 2420.0) for _ in range(1500)]
    title = "10 tasks/s of 1 s, and twice 1,500 of 5 s at once; metrics every 30 s"
    return Trace("late", title, 10, HOUR_S, sorted(background + batches), scrape_s=30.0)


def failing_tasks(seed: int) -> Trace:
    """An outage of ten minutes in which attempts hang until they time out, and are retried later and later."""
    source = random.Random(seed + 12)

    def make(at: float) -> Task:
        hangs = 1200 <= at < 1800 and source.random() < 0.8
        return Task(at, source.expovariate(1 / 2.0), hangs_until=1800.0 if hangs else 0.0)

    tasks = [make(at) for at in _poisson(source, lambda _: 6.0, 6.0, HOUR_S)]
    title = "6 tasks/s of 2 s; in an outage of 10 minutes, most time out after 20 s and are retried"
    return Trace("failing", title, 10, HOUR_S, tasks, utilization=75)


def _poisson(source: random.Random, rate: Callable[[float], float], most: float, length_s: float) -> Iterator[float]:
    """Arrivals of an inhomogeneous Poisson process, by thinning."""
    at = source.expovariate(most)
    while at < length_s:
        if source.random() < rate(at) / most:
            yield at
        at += source.expovariate(most)
