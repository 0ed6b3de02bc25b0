from __future__ import annotations

import pytest
from msgspec.structs import replace

from queueapi.scrape.queue_text import Capacity, QueueTexts
from queueapi.scrape.snapshot import Snapshot, SnapshotRetired
from queuecore.domain.state import TaskState
from queuecore.observe.metrics.text import TextFormat
from queuecore.store.queues.limits import QueueLimits
from queuecore.store.queues.reader import QueueStats
from queuecore.store.queues.totals import read_totals
from tests.unit.queueapi.scrape.plain_rendering import render_plainly

DEFAULTS = QueueLimits(max_depth=1_000_000)
STATES = (TaskState.PENDING, TaskState.ACTIVE, TaskState.SCHEDULED, TaskState.RETRY, TaskState.COMPLETED)
FORMATS = [
    "",
    "text/plain;version=1.0.0;escaping=allow-utf-8",
    "text/plain;version=1.0.0;escaping=dots",
    "application/openmetrics-text",
    "application/openmetrics-text;version=1.0.0;escaping=underscores",
    "application/openmetrics-text;version=1.0.0;escaping=dots",
    "application/openmetrics-text;version=1.0.0;escaping=values",
]
BUSY = {
    "enqueued:demo": 12_345_678,
    "enqueued:mail.send": 3,
    'enqueued:odd "type\\\n': 1,
    "processed:completed:demo": 7,
    "processed:lost:mail.send": 2,
    "late:archived:demo": 1,
    "archived:cancelled": 4,
    "orphans": 1,
    "run_ms:demo": 10_000_203,
    "run:0:demo": 3,
    "run:17:demo": 1,
    "run:4:täsk\ntaskyard_task_duration_seconds_count{": 9,
    "wait_ms:demo": 1,
    "wait:0:demo": 1,
}


def make_stats(queue: str, totals: dict[str, int] | None = None, limits: QueueLimits | None = None) -> QueueStats:
    return QueueStats(
        queue,
        counts={state: 10**place for place, state in enumerate(STATES)},
        oldest_pending_ms=1_234,
        due={0: 0, 60_000: 5, 300_000: 2_000_000},
        totals=read_totals(totals or {}),
        limits=limits or QueueLimits(),
        bytes=17,
        paused=bool(totals),
    )


QUEUES = [
    make_stats("busy", BUSY, QueueLimits(5, 10_000_000)),
    make_stats("idle"),
    make_stats("later", {"enqueued:demo": 1, "run:3:demo": 1}),
]


def write(texts: QueueTexts, stats: list[QueueStats], capacities: dict[str, Capacity], accept: str = "") -> bytes:
    rows = [texts.render(each, capacities[each.queue]) for each in stats]
    text_format = TextFormat(accept)
    return b"".join(Snapshot(rows, []).write(text_format)) + text_format.end


@pytest.mark.parametrize("accept", FORMATS)
def test_snapshot_has_the_text_of_the_client_library(accept: str) -> None:
    capacities = {"busy": Capacity(2, 20), "idle": Capacity(), "later": Capacity(1, 100)}

    text = write(QueueTexts(DEFAULTS), QUEUES, capacities, accept)

    assert text == render_plainly(accept, QUEUES, capacities, DEFAULTS)


def test_snapshot_has_the_text_of_the_client_library_after_each_change() -> None:
    texts = QueueTexts(DEFAULTS)
    stats, capacities = list(QUEUES), {each.queue: Capacity() for each in QUEUES}
    changed = [
        replace(QUEUES[1], oldest_pending_ms=5_000),
        replace(QUEUES[1], paused=True),
        replace(QUEUES[1], totals=read_totals({"processed:completed:demo": 1})),
        replace(QUEUES[1], limits=QueueLimits(max_bytes=5)),
    ]
    for each in changed:
        stats[1] = each
        assert write(texts, stats, capacities) == render_plainly("", stats, capacities, DEFAULTS)
    capacities["idle"] = Capacity(1, 10)
    assert write(texts, stats, capacities) == render_plainly("", stats, capacities, DEFAULTS)
    del stats[1]
    assert write(texts, stats, capacities) == render_plainly("", stats, capacities, DEFAULTS)


def test_queue_is_rendered_once_when_it_stays_the_same() -> None:
    texts, idle = QueueTexts(DEFAULTS), make_stats("idle", BUSY)
    first = texts.render(idle, Capacity(1, 10))

    assert texts.render(idle, Capacity(1, 10)) is first


def test_only_the_changed_metrics_of_a_queue_are_rendered_again() -> None:
    texts, before = QueueTexts(DEFAULTS), make_stats("waiting", BUSY)
    first = texts.render(before, Capacity())

    second = texts.render(replace(before, oldest_pending_ms=9_999), Capacity())

    assert second[1] != first[1]
    assert all(new is old for new, old in zip(second[7:], first[7:], strict=True))


def test_queue_is_forgotten_when_the_store_no_longer_has_it() -> None:
    texts, gone = QueueTexts(DEFAULTS), make_stats("gone", BUSY)
    first = texts.render(gone, Capacity())
    texts.keep(["other"])

    assert texts.render(gone, Capacity()) is not first


def test_snapshot_ends_its_readers_when_it_is_retired() -> None:
    snapshot = Snapshot([QueueTexts(DEFAULTS).render(make_stats(f"queue-{n}"), Capacity()) for n in range(3)], [])
    parts = snapshot.write(TextFormat(""))
    next(parts)
    next(parts)

    snapshot.retire()

    with pytest.raises(SnapshotRetired):
        next(parts)
