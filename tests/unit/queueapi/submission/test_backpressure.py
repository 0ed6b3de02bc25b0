from __future__ import annotations

from collections.abc import Sequence

import pytest
from prometheus_client import CollectorRegistry

from queueapi.submission.backpressure import DEFAULT_RETRY_AFTER_S, MAX_RETRY_AFTER_S, Backpressure
from queueapi.submission.drain_rate import DrainRates
from queuecore.domain.state import TaskState
from queuecore.errors import StoreError, StoreUnavailable
from queuecore.store.queues.limits import QueueLimits
from queuecore.store.queues.reader import QueueStats
from queuecore.store.queues.totals import Totals
from queuecore.store.tasks.enqueue import QueueFull

FULL = QueueFull("default", "max_depth", maximum=100, held=100, needed=1)


def make_stats(ended: int, waiting: int = 0, queue: str = "default") -> QueueStats:
    return QueueStats(
        queue=queue,
        counts={**dict.fromkeys(TaskState, 0), TaskState.PENDING: waiting},
        oldest_pending_ms=0,
        due={},
        totals=Totals({}, {("completed", "demo"): ended, ("retry", "demo"): 10_000}, {}, {}),
        limits=QueueLimits(),
        bytes=0,
    )


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class Reader:
    """The statistics of a store."""

    def __init__(self) -> None:
        self.stats_in_store: list[QueueStats] = []
        self.error: StoreError | None = None
        self.reads = 0

    async def stats(self, queues: Sequence[str]) -> list[QueueStats]:
        self.reads += 1
        if self.error:
            raise self.error
        return [each for each in self.stats_in_store if each.queue in queues]


def test_rate_is_unknown_before_the_second_sample() -> None:
    rates = DrainRates()
    assert rates.rate("default") is None
    rates.observe([make_stats(ended=5)], now_s=0)
    assert rates.rate("default") is None
    rates.observe([make_stats(ended=25)], now_s=10)
    assert rates.rate("default") == 2


def test_rate_is_that_of_the_last_minute() -> None:
    rates = DrainRates()
    for at_s, ended in ((0, 0), (30, 3_000), (60, 3_000), (120, 3_060)):
        rates.observe([make_stats(ended)], at_s)
    assert rates.rate("default") == 1


def test_samples_are_dropped_when_they_follow_too_fast() -> None:
    rates = DrainRates()
    for step in range(100):
        rates.observe([make_stats(ended=step)], step / 100)
    assert rates.rate("default") is None


def test_rate_is_unknown_again_when_the_store_was_flushed() -> None:
    rates = DrainRates()
    rates.observe([make_stats(ended=100)], 0)
    rates.observe([make_stats(ended=7)], 10)
    assert rates.rate("default") is None


@pytest.mark.parametrize(
    ("ended", "waiting", "expected_s"),
    [(100, 1_000, 10), (1_000, 10, 1), (1, 100_000, MAX_RETRY_AFTER_S), (0, 5, MAX_RETRY_AFTER_S), (10, 0, 1)],
    ids=["tenth-of-waiting", "never-below-1", "never-beyond-longest", "nobody-works", "none-waits"],
)
async def test_retry_after_lasts_until_a_tenth_has_ended(ended: int, waiting: int, expected_s: int) -> None:
    clock, reader = Clock(), Reader()
    backpressure = Backpressure(reader, DrainRates(), CollectorRegistry(), clock)  # type: ignore[arg-type]  # see Reader
    reader.stats_in_store = [make_stats(0, waiting)]
    await backpressure.record([FULL])
    assert backpressure.retry_after_s("default") == DEFAULT_RETRY_AFTER_S
    clock.now_s += 10
    reader.stats_in_store = [make_stats(ended, waiting)]
    await backpressure.record([FULL])
    assert backpressure.retry_after_s("default") == expected_s


async def test_many_refusals_cost_one_read_per_second() -> None:
    clock, reader, registry = Clock(), Reader(), CollectorRegistry()
    backpressure = Backpressure(reader, DrainRates(), registry, clock)  # type: ignore[arg-type]  # see Reader
    for _ in range(50):
        clock.now_s += 0.01
        await backpressure.record([FULL, FULL])
    assert reader.reads == 1
    labels = {"queue": "default", "reason": "max_depth"}
    assert registry.get_sample_value("taskyard_enqueues_rejected_total", labels) == 100


async def test_refusal_has_the_default_retry_after_when_the_store_is_unreachable() -> None:
    reader = Reader()
    reader.error = StoreUnavailable()
    backpressure = Backpressure(reader, DrainRates(), CollectorRegistry(), Clock())  # type: ignore[arg-type]  # see Reader
    await backpressure.record([FULL])
    refusal = backpressure.refusal(FULL)
    assert (refusal.status, refusal.headers) == (429, {"Retry-After": str(DEFAULT_RETRY_AFTER_S)})


def test_refusal_is_a_413_when_the_task_exceeds_the_limit_alone() -> None:
    backpressure = Backpressure(Reader(), DrainRates(), CollectorRegistry(), Clock())  # type: ignore[arg-type]  # see Reader
    refusal = backpressure.refusal(QueueFull("default", "max_bytes", maximum=100, held=0, needed=101))
    assert (refusal.status, refusal.code) == (413, "PAYLOAD_TOO_LARGE")
