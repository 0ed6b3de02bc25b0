from __future__ import annotations

import asyncio
from typing import Any, cast

from prometheus_client import CollectorRegistry, Gauge

from queueapi.routes.metrics_collector import MAX_SNAPSHOTS, QUEUES_PER_TURN, MetricsCollector
from queueapi.routes.readiness import ReadinessCheck
from queueapi.scrape.snapshot import SnapshotRetired
from queueapi.submission.drain_rate import DrainRates
from queuecore.domain.state import TaskState
from queuecore.errors import StoreUnavailable
from queuecore.observe.metrics.text import TextFormat
from queuecore.store.queues.directory import WorkerStatus
from queuecore.store.queues.limits import QueueLimits
from queuecore.store.queues.overview import Overview
from queuecore.store.queues.reader import QueueStats
from queuecore.store.queues.readiness import Readiness
from queuecore.store.queues.totals import read_totals

TEXT = TextFormat("")


class Reader:
    """A store whose overview is read when it is let."""

    def __init__(self, queues: int = 3) -> None:
        self.reads = 0
        self.queues = queues
        self.failure: Exception | None = None
        self.may_end = asyncio.Event()

    async def read(self) -> Overview:
        self.reads += 1
        await self.may_end.wait()
        if self.failure:
            raise self.failure
        stats = [_make_stats(f"queue-{place:03}", self.reads) for place in range(self.queues)]
        workers = [WorkerStatus(name, "pod", ["queue-000"], ["demo"], 10, 0, 0) for name in ("one", "two")]
        return Overview(stats, workers, None, Readiness(policy_known=True))


def _make_stats(queue: str, size: int) -> QueueStats:
    return QueueStats(queue, dict.fromkeys(TaskState, 0), 0, {0: 0}, read_totals({}), QueueLimits(), size)


def make_collector(reader: Reader) -> MetricsCollector:
    registry = CollectorRegistry()
    readiness = ReadinessCheck(cast("Any", None), registry)
    return MetricsCollector(registry, cast("Any", reader), readiness, QueueLimits(), DrainRates())


async def scrape(collector: MetricsCollector) -> str:
    return b"".join(await collector.collect(TEXT)).decode()


async def test_concurrent_scrapes_share_one_snapshot() -> None:
    reader = Reader()
    collector = make_collector(reader)
    scrapes = [asyncio.create_task(scrape(collector)) for _ in range(5)]
    await asyncio.sleep(0)
    reader.may_end.set()

    texts = await asyncio.gather(*scrapes)

    assert reader.reads == 1
    assert len(set(texts)) == 1
    assert 'taskyard_queue_bytes{queue="queue-002"} 1.0' in texts[0]
    assert 'taskyard_queue_bytes{queue="queue-002"} 2.0' in await scrape(collector)


async def test_scrape_goes_on_when_the_one_that_began_the_snapshot_is_cancelled() -> None:
    reader = Reader()
    collector = make_collector(reader)
    first, second = (asyncio.create_task(scrape(collector)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait([first])
    reader.may_end.set()

    assert "taskyard_queue_bytes" in await second
    assert reader.reads == 1


async def test_snapshot_is_rendered_in_turns() -> None:
    reader, turns = Reader(queues=10 * QUEUES_PER_TURN), 0
    reader.may_end.set()

    async def count_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count_turns())
    await scrape(make_collector(reader))
    counting.cancel()

    assert turns >= 10


async def test_metrics_of_the_process_are_the_only_ones_when_the_store_is_away() -> None:
    reader = Reader()
    reader.failure = StoreUnavailable("away")
    reader.may_end.set()

    text = await scrape(make_collector(reader))

    assert "taskyard_store_ready 0.0" in text
    assert "taskyard_queue" not in text


async def test_scrape_adds_up_the_workers_of_a_queue() -> None:
    reader = Reader()
    reader.may_end.set()

    text = await scrape(make_collector(reader))

    assert 'taskyard_queue_slots{queue="queue-000"} 20.0' in text
    assert 'taskyard_queue_workers{queue="queue-001"} 0.0' in text


async def test_oldest_scrape_is_cut_off_when_its_client_is_many_snapshots_behind() -> None:
    reader = Reader()
    reader.may_end.set()
    collector = make_collector(reader)
    slow = [iter(await collector.collect(TEXT)) for _ in range(MAX_SNAPSHOTS + 1)]

    ended = [_is_cut_off(parts) for parts in slow]

    assert ended == [True] + [False] * MAX_SNAPSHOTS


def _is_cut_off(parts: Any) -> bool:
    try:
        b"".join(parts)
    except SnapshotRetired:
        return True
    return False


async def test_large_metric_of_the_process_is_written_in_turns() -> None:
    registry = CollectorRegistry()
    gauge = Gauge("many", "Many.", ["place"], registry=registry)
    for place in range(1_000):
        gauge.labels(place).set(place)
    (metric,) = registry.collect()
    whole = TEXT.write((metric,))

    parts = list(TEXT.write_in_parts(metric))

    assert len(parts) > 5
    assert b"".join(parts) == whole
