"""``taskyard doctor``: find what is wrong, and say what to do."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version

from taskyard.cli.diagnosis import (
    Finding,
    Level,
    check_clock,
    check_queues,
    check_store,
    check_types,
    check_version,
    check_workers,
)
from taskyard.cli.exit_code import ExitCode
from taskyard.cli.session import Session


def doctor(session: Session) -> ExitCode | None:
    """Check API, store, clock, releases, workers and the handlers of each queue. Exit code 1: something is wrong."""
    has_problem = False
    for finding in _examine(session):
        has_problem |= finding.level is Level.PROBLEM
        if session.printer.as_json:
            session.printer.json(finding)
        else:
            session.printer.text(f"{finding.level.upper():8}{finding.check}: {finding.found}")
            if finding.remedy:
                session.printer.text(f"{'':8}-> {finding.remedy}")
    return ExitCode.REFUSED if has_problem else None


def _examine(session: Session) -> Iterator[Finding]:
    readiness = session.api.readiness()
    yield Finding(check="api", level=Level.OK, found=f"{session.url} answers")
    yield check_version(session.api.version(), version("taskyard"))
    yield check_clock(readiness, datetime.now(UTC))
    store = check_store(readiness)
    yield store
    if store.level is Level.PROBLEM:
        return  # The rest is read from the store.
    workers = session.api.workers()
    yield check_workers(workers)
    yield from check_queues(session.client.stats(), workers)
    yield from check_types(session.api.types(), workers)
