"""Diagnosis of a system from what its API answers: what is wrong, and what to do. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum

import msgspec

from taskyard.cli.api import Readiness, TypeInfo, WorkerInfo
from taskyard.views import QueueStats

MAX_CLOCK_DIFFERENCE_S = 5.0
"""The API tells its time in whole seconds, and the call takes a part of another."""


class Level(StrEnum):
    """The severity of a finding."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """The result of one check."""

    check: str
    level: Level
    found: str
    remedy: str = ""
    """What to do; empty if nothing is wrong."""


def check_store(readiness: Readiness) -> Finding:
    """Check the store as the API sees it: reachable, writable, with settings that keep tasks."""
    if readiness.problem is None:
        return Finding(check="store", level=Level.OK, found="the store is ready, and its settings keep tasks")
    return Finding(
        check="store",
        level=Level.PROBLEM,
        found=readiness.problem,
        remedy="check that the store runs, its address, login and settings (TASKYARD_REDIS_*); the log of the API has "
        "the error",
    )


def check_clock(readiness: Readiness, now: datetime) -> Finding:
    """Compare this machine's clock with the API's: a delay is sent as a time."""
    if readiness.answered_at is None:
        return Finding(check="clock", level=Level.OK, found="the API does not send its time: not compared")
    ahead_s = (now - readiness.answered_at).total_seconds()
    if abs(ahead_s) <= MAX_CLOCK_DIFFERENCE_S:
        return Finding(check="clock", level=Level.OK, found="this machine's clock agrees with the API's")
    return Finding(
        check="clock",
        level=Level.WARNING,
        found=f"this machine's clock is {abs(ahead_s):.0f} s {'ahead of' if ahead_s > 0 else 'behind'} the API's",
        remedy="synchronize the clocks: a task with a delay starts by the clock of the machine that enqueues it",
    )


def check_version(api: str, own: str) -> Finding:
    """Compare the releases of the API and of this library."""
    if api == own:
        return Finding(check="version", level=Level.OK, found=f"the API and this library are release {api}")
    return Finding(
        check="version",
        level=Level.WARNING,
        found=f"the API is release {api}, this library {own}",
        remedy="use one release, except during a rollout",
    )


def check_workers(workers: Sequence[WorkerInfo]) -> Finding:
    """Check that workers run, and that one has a free slot."""
    serving = [each for each in workers if not each.draining]
    busy, slots = sum(each.busy for each in serving), sum(each.slots for each in serving)
    found = f"{len(serving)} running, {len(workers) - len(serving)} draining, {busy} of {slots} slots busy"
    if not serving:
        return Finding(
            check="workers",
            level=Level.PROBLEM,
            found="no worker runs" if not workers else found,
            remedy="start one with its app, as in TASKYARD_WORKER_APPS=shop.tasks:app taskyard worker, or raise the "
            "replicas of a pool",
        )
    if busy >= slots:
        remedy = "add workers or slots, if tasks wait for long"
        return Finding(check="workers", level=Level.WARNING, found=found, remedy=remedy)
    return Finding(check="workers", level=Level.OK, found=found)


def check_queues(queues: Mapping[str, QueueStats], workers: Iterable[WorkerInfo]) -> list[Finding]:
    """Check each queue that has tasks or workers: somebody must lease from it, and its handlers are listed."""
    serving = [each for each in workers if not each.draining]
    names = {name for name, each in queues.items() if _waiting(each)} | {
        name for each in serving for name in each.queues
    }
    return [_check_queue(name, queues.get(name, QueueStats(queue=name)), serving) for name in sorted(names)]


def _check_queue(name: str, queue: QueueStats, serving: Iterable[WorkerInfo]) -> Finding:
    check = f"queue {name}"
    types = sorted({each for worker in serving if name in worker.queues for each in worker.types})
    waiting = f"{_waiting(queue)} waiting"
    if types:
        return Finding(check=check, level=Level.OK, found=f"{waiting}; handlers: {' '.join(types)}")
    return Finding(
        check=check,
        level=Level.PROBLEM,
        found=f"{waiting}, and no worker leases from it",
        remedy=f"start a worker for it: add {name} to TASKYARD_WORKER_QUEUES, or to the queues of a pool",
    )


def check_types(types: Iterable[TypeInfo], workers: Sequence[WorkerInfo]) -> list[Finding]:
    """Check that each registered type has a handler in a live worker; the types without one."""
    handled = {each for worker in workers for each in worker.types}
    return [
        Finding(
            check=f"type {each.type}",
            level=Level.WARNING,
            found="no live worker has a handler for it; its tasks are accepted and wait",
            remedy="start a worker with its app, or stop enqueueing it",
        )
        for each in types
        if each.type not in handled
    ]


def _waiting(queue: QueueStats) -> int:
    return queue.pending + queue.scheduled + queue.retry
