"""Bytes of released versions must stay readable: a store outlives the release that filled it.

Never change a line of ``fixtures/``; add files for new versions.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from queuecore.domain.retry import RetryPolicy
from queuecore.domain.task import Attempt, Outcome, Task, UniqueLock
from queuecore.wire import attempt as attempt_wire
from queuecore.wire import envelope

FIXTURES = Path(__file__).parent / "fixtures"

TASKS_V1 = {
    "smallest": Task(
        id="smallest", queue="default", type="demo", payload=b"{}", enqueued_at_ms=1_795_000_000_000, max_retries=25,
        timeout_ms=1_800_000, retention_ms=3_600_000, priority=5,
        retry_policy=RetryPolicy("exponential", 1_000, 2.0, 900_000, 0.2),
    ),
    "fullest": Task(
        id="fullest", queue="mail", type="email:send", payload=b'{"to":"a@b.c","n":[1,2.5,null,"\xc3\xa4"]}',
        enqueued_at_ms=1_795_000_000_001, process_at_ms=1_795_000_060_000, priority=9, max_retries=3,
        timeout_ms=30_000, deadline_at_ms=1_795_003_600_000,
        retry_policy=RetryPolicy("linear", 250, 1.5, 60_000, 0.0), unique=UniqueLock("d" * 64, 3_600_000),
        metadata={"user_id": "123"}, retention_ms=0,
        traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    ),
}  # fmt: skip

ATTEMPTS_V1 = {
    "open": Attempt(number=1, worker="pod-1-abc", pod="pod", started_at_ms=1_795_000_000_000),
    "closed": Attempt(
        number=2, worker="pod-1-abc", pod="pod", started_at_ms=1_795_000_000_000, ended_at_ms=1_795_000_000_123,
        outcome=Outcome.RETRY, error="ValueError: no",
    ),
}  # fmt: skip


def kept(name: str) -> dict[str, bytes]:
    lines = (line.split() for line in (FIXTURES / name).read_text().splitlines())
    return {label: bytes.fromhex(data) for label, data in lines}


@pytest.mark.parametrize("label", TASKS_V1)
def test_envelope_of_version_1_is_read(label: str) -> None:
    task = TASKS_V1[label]
    assert envelope.decode(task.id, task.queue, kept("envelope_v1.hex")[label]) == task


@pytest.mark.parametrize("label", ATTEMPTS_V1)
def test_attempt_of_version_1_is_read(label: str) -> None:
    attempt = ATTEMPTS_V1[label]
    assert attempt_wire.decode(attempt.number, kept("attempt_v1.hex")[label]) == attempt
