from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuecore.domain.retry import RetryPolicy
from queuecore.domain.task import Task, UniqueLock
from queuecore.errors import EnvelopeError, UnknownEnvelopeVersion
from queuecore.testing.builders import make_task
from queuecore.wire import envelope

moments = st.integers(0, 2**52)
texts = st.text(max_size=20)
policies = st.builds(
    RetryPolicy,
    curve=st.sampled_from(["exponential", "linear", "constant"]),
    base_ms=st.integers(0, 10**9),
    factor=st.floats(1, 100),
    max_ms=st.integers(0, 10**9),
    jitter=st.floats(0, 1),
)
tasks = st.builds(
    Task,
    id=texts,
    queue=texts,
    type=texts,
    payload=st.binary(max_size=200),
    enqueued_at_ms=moments,
    process_at_ms=st.none() | moments,
    priority=st.integers(0, 9),
    max_retries=st.integers(0, 10_000),
    timeout_ms=moments,
    deadline_at_ms=st.none() | moments,
    retry_policy=policies,
    unique=st.none() | st.builds(UniqueLock, digest=texts, window_ms=moments),
    metadata=st.dictionaries(texts, texts, max_size=3),
    retention_ms=moments,
    traceparent=st.none() | texts,
    tracestate=st.none() | texts,
)


@given(tasks)
def test_envelope_reads_back_every_task(task: Task) -> None:
    assert envelope.decode(task.id, task.queue, envelope.encode(task)) == task


@given(tasks)
def test_envelope_begins_with_version_and_priority(task: Task) -> None:
    assert envelope.encode(task)[:2] == bytes([envelope.VERSION]) + str(task.priority).encode()


@given(st.binary(max_size=60))
def test_envelope_error_is_the_only_one_when_bytes_are_damaged(data: bytes) -> None:
    try:
        envelope.decode("id", "queue", data)
    except EnvelopeError as error:
        assert "task id" in str(error)  # noqa: PT017 - some bytes are no damage


def test_newer_version_is_distinguished_from_damage() -> None:
    with pytest.raises(UnknownEnvelopeVersion, match="newer than 1"):
        envelope.decode("id", "queue", bytes([envelope.VERSION + 1]) + b"5rest")


@pytest.mark.parametrize(
    "changes", [{"archive_retention_ms": 0}, {"archive_retention_ms": 5}, {"default_archive_retention_ms": 7}]
)
def test_retention_of_an_archived_task_is_kept_in_the_envelope(changes: dict[str, int]) -> None:
    task = make_task(**changes)
    assert envelope.decode(task.id, task.queue, envelope.encode(task)) == task


def test_envelope_has_no_retention_of_archived_tasks_when_it_is_the_usual_one() -> None:
    task = make_task(tracestate="last=field")
    assert envelope.encode(task).endswith(b"last=field")
