from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Gauge, generate_latest

from queuecontroller.errors import MetricsImplausible
from queuecontroller.metrics.exposition import MAX_LINE_BYTES, ExpositionReader
from queuecontroller.metrics.samples import Sample


def read(text: bytes, queues: list[str], chunk_bytes: int = 1 << 16) -> list[Sample]:
    samples: list[Sample] = []
    reader = ExpositionReader(queues, samples.append, "http://api/metrics")
    for start in range(0, len(text), chunk_bytes):
        reader.feed(text[start : start + chunk_bytes])
    reader.close()
    return samples


@given(
    st.dictionaries(st.text(min_size=1, max_size=4), st.floats(allow_nan=False), min_size=1, max_size=5),
    st.integers(1, 50),
)
def test_samples_of_the_queues_are_read_whatever_the_labels_and_chunks(
    values: dict[str, float], chunk_bytes: int
) -> None:
    registry = CollectorRegistry()
    gauge = Gauge("taskyard_queue_tasks", "Tasks.", ["state", "queue"], registry=registry)
    Gauge("other", "Not read.", ["queue"], registry=registry).labels("default").set(1)
    for name, value in values.items():
        gauge.labels("pending", name).set(value)
    wanted = sorted(values)[::2]

    samples = read(generate_latest(registry), wanted, chunk_bytes)

    assert sorted((each.labels["queue"], each.value) for each in samples) == [(name, values[name]) for name in wanted]
    assert {each.labels["state"] for each in samples} == {"pending"}


def test_timestamps_are_ignored() -> None:
    (sample,) = read(b'taskyard_queue_tasks{queue="a",state="pending",} 3 1800000000000', ["a"])

    assert sample.value == 3


@pytest.mark.parametrize(
    "text",
    [
        b'taskyard_queue_tasks{queue="a"',
        b'taskyard_queue_tasks{queue="a"} three',
        b'taskyard_queue_tasks{queue="a",state=pending} 3',
        b'taskyard_queue_tasks{queue="a",state="\xff"} 3',
        b"<html>\n",
        b"a" * (MAX_LINE_BYTES + 1),
    ],
)
def test_text_is_rejected_when_it_is_in_another_format(text: bytes) -> None:
    with pytest.raises(MetricsImplausible, match="is not in the Prometheus text format"):
        read(text, ["a"])


@given(st.binary(max_size=200))
def test_text_is_read_or_rejected_for_any_bytes(text: bytes) -> None:
    with contextlib.suppress(MetricsImplausible):
        read(b"taskyard_queue_tasks{" + text, ["a"])
