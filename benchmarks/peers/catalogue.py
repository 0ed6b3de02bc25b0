"""The contenders: what each promises, how it is set, how its worker is started.

Their modules beside this one run only in their own interpreters, so what the benchmark must know without them is here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

OURS = "taskyard"

NAP_S = 0.01
"""How long a task of the kind ``nap`` sleeps."""

Arguments = tuple[str, ...]


@dataclass(frozen=True)
class Contender:
    """One task queue."""

    name: str
    """Also its module in this package, its environment and its requirements."""
    title: str
    at_least_once: bool
    """Whether a task whose worker was lost is run again, with these settings."""
    settings: str
    """What is not default, for the table."""
    worker: Callable[[int], Arguments]
    """Arguments of its interpreter for one worker process that runs so many tasks at once."""
    pace: int
    """No-op tasks per second that it is known to reach: sizes the rounds, nothing else."""
    slots: int = 100
    """Tasks that a worker runs at once."""
    many_slots: int = 200
    """The same where tasks sleep."""
    has_batches: bool = False
    """Whether one call can enqueue many tasks."""
    companions: tuple[Arguments, ...] = ()
    """Arguments of its other processes, which scheduled tasks or recovery need."""


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
        "defaults; 200 slots for the tasks that sleep; lease of 15 s",
        _module("queueworker"),
        pace=25_000,
        has_batches=True,
        companions=(("-m", "queuescheduler"),),
    ),
    Contender(
        "arq",
        "arq 0.28",
        True,
        "polls every 10 ms, keeps no results, uvloop, 100 jobs at once (200 that sleep); job time limit 5 s",
        _module("arq", "benchmarks.peers.arq.WorkerSettings"),
        pace=1_800,
    ),
    Contender(
        "saq",
        "SAQ 0.26.4",
        True,
        "keeps no results, uvloop, 100 jobs at once (200 that sleep); heartbeat limit 15 s, sweep every 5 s",
        _module("saq", "benchmarks.peers.saq.settings", "--quiet"),
        pace=2_000,
    ),
    Contender(
        "taskiq",
        "taskiq 0.13, streams",
        True,
        "taskiq-redis 1.2.4 streams, acknowledged when executed, uvloop, 100 tasks at once (200 that sleep); "
        "idle limit 15 s; scheduler looks every second",
        _taskiq,
        pace=2_000,
        companions=(
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
        "keeps no results, silent tasks, uvloop, 100 tasks at once (200 that sleep); idle limit 15 s",
        _module("streaq", "run", "benchmarks.peers.streaq:worker"),
        pace=800,
        has_batches=True,
    ),
    Contender(
        "celery",
        "Celery 5.7",
        True,
        "acks_late, no results, no events, no remote control, prefetch 4; solo pool, for tasks that sleep 200 threads; "
        "visibility timeout 15 s",
        _celery,
        pace=1_200,
        slots=1,
    ),
    Contender(
        "dramatiq",
        "Dramatiq 2.2.1",
        True,
        "8 threads (200 for tasks that sleep); heartbeat limit 15 s, maintenance in 10 % of commands",
        _dramatiq,
        pace=2_500,
        slots=8,
    ),
    Contender(
        "rq",
        "RQ 3.0",
        False,
        "SimpleWorker (no fork), keeps no results, one job at a time; maintenance every 5 s, 3 retries",
        _module("benchmarks.peers.rq"),
        pace=500,
        slots=1,
        many_slots=1,
        has_batches=True,
    ),
)
"""All, ours first."""

BY_NAME = {contender.name: contender for contender in CONTENDERS}
