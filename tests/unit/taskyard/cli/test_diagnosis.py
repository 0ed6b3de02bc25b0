from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from taskyard.cli.api import Readiness, TypeInfo, WorkerInfo
from taskyard.cli.diagnosis import (
    Level,
    check_clock,
    check_queues,
    check_store,
    check_types,
    check_version,
    check_workers,
)
from taskyard.views import QueueStats

NOW = datetime(2026, 1, 1, tzinfo=UTC)
WORKER = WorkerInfo(worker="w", queues=("mail",), types=("send",), slots=2, busy=1)
DRAINING = WorkerInfo(worker="d", queues=("old",), types=("send",), slots=2, draining=True)


def test_store_is_a_problem_when_the_api_names_one() -> None:
    finding = check_store(Readiness(problem="maxmemory-policy is allkeys-lru", answered_at=None))
    assert (finding.level, finding.found) == (Level.PROBLEM, "maxmemory-policy is allkeys-lru")
    assert "TASKYARD_REDIS_" in finding.remedy
    assert check_store(Readiness(problem=None, answered_at=None)).level is Level.OK


@pytest.mark.parametrize(("seconds", "words"), [(60, "60 s behind"), (-60, "60 s ahead of")])
def test_clock_is_a_warning_when_it_differs(seconds: int, words: str) -> None:
    finding = check_clock(Readiness(problem=None, answered_at=NOW + timedelta(seconds=seconds)), NOW)
    assert (finding.level, words in finding.found) == (Level.WARNING, True)


@pytest.mark.parametrize("answered_at", [None, NOW, NOW - timedelta(seconds=4)])
def test_clock_is_ok_when_it_agrees_or_is_not_sent(answered_at: datetime | None) -> None:
    assert check_clock(Readiness(problem=None, answered_at=answered_at), NOW).level is Level.OK


def test_version_is_a_warning_when_the_releases_differ() -> None:
    assert check_version("1.0", "1.0").level is Level.OK
    assert check_version("1.0", "1.1").found == "the API is release 1.0, this library 1.1"


def test_workers_are_a_problem_when_none_runs() -> None:
    assert check_workers([]).level is Level.PROBLEM
    assert check_workers([DRAINING]).level is Level.PROBLEM
    assert check_workers([WorkerInfo(worker="w", slots=2, busy=2)]).level is Level.WARNING
    assert check_workers([WORKER, DRAINING]).found == "1 running, 1 draining, 1 of 2 slots busy"


def test_queue_is_a_problem_when_its_tasks_have_no_worker() -> None:
    queues = {
        "mail": QueueStats(queue="mail", pending=1),
        "old": QueueStats(queue="old", retry=1, scheduled=1),
        "done": QueueStats(queue="done", completed=9, archived=1),
    }
    mail, old = check_queues(queues, [WORKER, DRAINING])
    assert (mail.level, mail.found) == (Level.OK, "1 waiting; handlers: send")
    assert (old.check, old.level) == ("queue old", Level.PROBLEM)
    assert "add old to TASKYARD_WORKER_QUEUES" in old.remedy


def test_type_is_a_warning_when_no_worker_handles_it() -> None:
    (gone,) = check_types([TypeInfo(type="gone"), TypeInfo(type="send")], [WORKER])
    assert (gone.check, gone.level) == ("type gone", Level.WARNING)
