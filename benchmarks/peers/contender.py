"""Contenders: delivery guarantee, settings and worker command of each.

The modules of the contenders run only in their own interpreters, so this module holds everything that the benchmark
needs without importing them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

OURS = "taskyard"

NAP_S = 0.01
"""Sleep of a task of the kind ``nap``."""

Arguments = tuple[str, ...]


@dataclass(frozen=True)
class Contender:
    """One task queue."""

    name: str
    """Name of its module in this package, its environment and its requirements file."""
    title: str
    at_least_once: bool
    """Whether it retries tasks of a lost worker with these settings."""
    settings: str
    """Settings that differ from the defaults, for the table."""
    worker: Callable[[int], Arguments]
    """Arguments of its interpreter for one worker process with a number of slots."""
    pace: int
    """Approximate no-op tasks per second, used only to size the rounds."""
    slots: int = 100
    """Concurrent tasks per worker."""
    many_slots: int = 200
    """Concurrent tasks per worker for sleeping tasks."""
    has_batches: bool = False
    """Whether one call can enqueue many tasks."""
    auxiliaries: tuple[Arguments, ...] = ()
    """Arguments of other processes that scheduled tasks or recovery need."""


def _module(*arguments: str) -> Callable[[int], Arguments]:
    return lambda _: ("-m", *arguments)


def _celery(slots: int) -> Arguments:
    pool = ("--pool", "solo") if slots == 1 else ("--pool", "threads", "--concurrency", str(slots))
    quiet = ("--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "warning")
    return ("-m", "celery", "--app", "benchmarks.peers.celery", "worker", *pool, *quiet)


def _taskiq(slots: int) -> Arguments:
    options = ("--workers", "1", "--max-async-tasks", str(slots), "--ack-type", "when_executed")
    return ("-m", "taskiq", "worker", "benchmarks.peers.taskiq:broker", *options, "--log-level", "WARNING")


def _dramatiq(slots: int) -> Arguments:
    return ("-m", "dramatiq", "benchmarks.peers.dramatiq", "--processes", "1", "--threads", str(slots))


CONTENDERS = (
    Contender(
        OURS,
        "Taskyard",
        True,
        "defaults; 200 slots for sleeping tasks; lease of 15 s",
        _module("queueworker"),
        pace=25_000,
        has_batches=True,
        auxiliaries=(("-m", "queuescheduler"),),
    ),
    Contender(
        "arq",
        "arq 0.28",
        True,
        "polls every 10 ms, no results, uvloop, 100 concurrent jobs (200 sleeping); job time limit 5 s",
        _module("arq", "benchmarks.peers.arq.WorkerSettings"),
        pace=1_800,
    ),
    Contender(
        "saq",
        "SAQ 0.26.4",
        True,
        "no results, uvloop, 100 concurrent jobs (200 sleeping); heartbeat limit 15 s, sweep every 5 s",
        _module("saq", "benchmarks.peers.saq.settings", "--quiet"),
        pace=2_000,
    ),
    Contender(
        "taskiq",
        "taskiq 0.13, streams",
        True,
        "taskiq-redis 1.2.4 streams, acknowledged when executed, uvloop, 100 concurrent tasks (200 sleeping); "
        "idle limit 15 s; scheduler polls every second",
        _taskiq,
        pace=2_000,
        auxiliaries=(
            (
                *("-m", "taskiq", "scheduler", "benchmarks.peers.taskiq:scheduler"),
                *("--update-interval", "1", "--log-level", "WARNING"),
            ),
        ),
    ),
    Contender(
        "streaq",
        "streaQ 7.2",
        True,
        "no results, silent tasks, uvloop, 100 concurrent tasks (200 sleeping); idle limit 15 s",
        _module("streaq", "run", "benchmarks.peers.streaq:worker"),
        pace=800,
        has_batches=True,
    ),
    Contender(
        "celery",
        "Celery 5.7",
        True,
        "acks_late, no results, no events, no remote control, prefetch 4; solo pool, 200 threads for sleeping tasks; "
        "visibility timeout 15 s",
        _celery,
        pace=1_200,
        slots=1,
    ),
    Contender(
        "dramatiq",
        "Dramatiq 2.2.1",
        True,
        "8 threads (200 for sleeping tasks); heartbeat limit 15 s, maintenance in 1 % of commands",
        _dramatiq,
        pace=2_500,
        slots=8,
    ),
    Contender(
        "rq",
        "RQ 3.0",
        False,
        "SimpleWorker (no fork), no results, one job at a time; maintenance every 5 s, 3 retries",
        _module("benchmarks.peers.rq"),
        pace=500,
        slots=1,
        many_slots=1,
        has_batches=True,
    ),
)
"""All contenders, Taskyard first."""

BY_NAME = {contender.name: contender for contender in CONTENDERS}
