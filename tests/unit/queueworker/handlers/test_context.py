from __future__ import annotations

from datetime import UTC, datetime

import pytest
from structlog.testing import capture_logs

from queuecore.testing.builders import make_task
from queueworker.handlers.context import WorkerContext
from taskyard.lifespan import Lifespan


def make_context(reports: list[bytes] | None = None) -> WorkerContext:
    taken = [] if reports is None else reports
    return WorkerContext(make_task(id="t-1", type="mail"), 2, 1_700_000_000_500, taken.append, 7, Lifespan())


def test_context_has_the_deadline_as_an_aware_time() -> None:
    assert make_context().deadline == datetime(2023, 11, 14, 22, 13, 20, 500_000, tzinfo=UTC)


def test_context_reports_progress_as_json() -> None:
    reports: list[bytes] = []
    make_context(reports).progress({"done": 3})
    assert reports == [b'{"done":3}']


def test_context_refuses_progress_that_is_not_json() -> None:
    with pytest.raises(TypeError):
        make_context().progress(object())


def test_context_has_a_logger_that_names_the_task() -> None:
    with capture_logs() as lines:
        make_context().logger.info("sent", to=3)
    (line,) = lines
    assert line == {
        "event": "sent",
        "log_level": "info",
        "to": 3,
        "task_id": "t-1",
        "queue": "default",
        "type": "mail",
        "attempt": 2,
    }


def test_context_is_neither_cancelled_nor_has_a_result_when_it_is_new() -> None:
    context = make_context()
    assert (context.cancelled, context.result) == (False, None)
