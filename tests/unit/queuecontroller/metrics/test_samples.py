from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuecontroller.errors import MetricsImplausible, MetricsMissing, ReadingFailed
from queuecontroller.metrics.samples import MAX_SERIES, REQUIRED_SERIES, ReadingBuilder, Sample
from queuecontroller.plan.reading import Reading

VALID = [
    Sample("taskyard_queue_tasks", {"queue": "default", "state": "pending"}, 7),
    Sample("taskyard_queue_tasks", {"queue": "default", "state": "active"}, 2),
    Sample("taskyard_queue_oldest_pending_seconds", {"queue": "default"}, 1.5),
    Sample("taskyard_queue_due_tasks", {"queue": "default", "within": "0s"}, 1),
    Sample("taskyard_queue_due_tasks", {"queue": "default", "within": "60s"}, 4),
    Sample("taskyard_tasks_processed_total", {"queue": "default", "type": "demo", "outcome": "completed"}, 40),
    Sample("taskyard_task_duration_seconds_sum", {"queue": "default", "type": "demo"}, 20),
    Sample("taskyard_task_duration_seconds_count", {"queue": "default", "type": "demo"}, 40),
    Sample("taskyard_task_duration_seconds_bucket", {"queue": "default", "type": "demo", "le": "1.0"}, 30),
    Sample("taskyard_task_duration_seconds_bucket", {"queue": "default", "type": "demo", "le": "+Inf"}, 40),
    Sample("taskyard_task_duration_seconds_bucket", {"queue": "default", "type": "mail", "le": "1.0"}, 3),
    Sample("taskyard_task_duration_seconds_bucket", {"queue": "default", "type": "mail", "le": "+Inf"}, 3),
    Sample("taskyard_queue_paused", {"queue": "default"}, 0),
    Sample("taskyard_tasks_enqueued_total", {"queue": "default", "type": "demo"}, 49),
]


def read_queues(samples: list[Sample]) -> Reading:
    builder = ReadingBuilder()
    for sample in samples:
        builder.add(sample)
    return builder.build(5.0)


def changed(name: str, value: float, **labels: str) -> list[Sample]:
    return [
        Sample(each.name, each.labels, value) if each.name == name and labels.items() <= each.labels.items() else each
        for each in VALID
    ]


def test_queues_are_read_when_samples_are_valid() -> None:
    queue = read_queues(VALID).queue("default")

    assert (queue.pending, queue.active, queue.oldest_pending_s) == (7, 2, 1.5)
    assert queue.due == {0.0: 1, 60.0: 4}
    assert queue.enqueued == {("demo",): 49}
    assert queue.ended == {("demo", "completed"): 40}
    assert (queue.run_s, queue.runs) == ({("demo",): 20}, {("demo",): 40})
    assert queue.runs_within == {1.0: 33, math.inf: 43}


def test_backlog_is_ignored_when_a_queue_is_paused() -> None:
    queue = read_queues(changed("taskyard_queue_paused", 1)).queue("default")

    assert (queue.pending, queue.active, queue.oldest_pending_s, queue.due) == (0, 2, 0, {})


@pytest.mark.parametrize("value", [math.nan, math.inf, -1.0])
@pytest.mark.parametrize("name", REQUIRED_SERIES)
def test_queues_are_rejected_when_a_value_is_impossible(name: str, value: Any) -> None:
    with pytest.raises(MetricsImplausible) as refused:
        read_queues(changed(name, value))

    assert name in str(refused.value)


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (changed("taskyard_queue_tasks", 0, state="pending"), "has no pending tasks, but an oldest one of 1.5 s"),
        (
            changed("taskyard_queue_due_tasks", 0, within="60s"),
            "queue default has fewer tasks due within a longer time",
        ),
        (
            changed("taskyard_task_duration_seconds_bucket", 0, le="+Inf"),
            "the duration histogram of queue default is not cumulative",
        ),
        ([*VALID, Sample("taskyard_queue_tasks", {"queue": "default", "state": "pending"}, 8)], "has two values"),
        ([*VALID, Sample("taskyard_queue_due_tasks", {"queue": "default", "within": "soon"}, 8)], "has invalid labels"),
        ([*VALID, Sample("taskyard_queue_tasks", {"state": "pending"}, 8)], "has invalid labels"),
    ],
)
def test_queues_are_rejected_when_samples_contradict_each_other(samples: list[Sample], message: str) -> None:
    with pytest.raises(MetricsImplausible) as refused:
        read_queues(samples)

    assert message in str(refused.value)


def test_queues_are_missing_when_a_series_is() -> None:
    with pytest.raises(MetricsMissing):
        read_queues(VALID[1:])


def test_queues_are_rejected_when_they_have_too_many_series() -> None:
    builder = ReadingBuilder()
    for number in range(MAX_SERIES):
        builder.add(Sample("taskyard_tasks_enqueued_total", {"queue": "default", "type": str(number)}, 1))

    with pytest.raises(MetricsMissing, match="more than 50000 series"):
        builder.add(VALID[0])


@given(
    st.lists(
        st.builds(
            Sample,
            name=st.sampled_from(REQUIRED_SERIES),
            labels=st.dictionaries(
                st.sampled_from(["queue", "state", "within", "type", "outcome", "le"]), st.text(max_size=5)
            ),
            value=st.floats(),
        )
    )
)
def test_queues_are_read_or_rejected_for_any_samples(samples: list[Sample]) -> None:
    try:
        reading = read_queues(samples)
    except ReadingFailed:
        return
    assert all(queue.pending >= 0 and queue.active >= 0 for queue in reading.queues.values())
