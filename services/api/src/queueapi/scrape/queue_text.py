"""Text of the metrics of queues, kept for each queue until it changes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from queueapi.scrape.family_text import FamilyText, HistogramText, escape_label
from queuecore.observe.metrics import definitions as metrics
from queuecore.store.queues.limits import QueueLimits
from queuecore.store.queues.reader import QueueStats
from queuecore.store.queues.totals import RUN_BUCKETS_MS, WAIT_BUCKETS_MS, Totals

_TASKS = FamilyText(metrics.QUEUE_TASKS)
_OLDEST = FamilyText(metrics.QUEUE_OLDEST_PENDING)
_DUE = FamilyText(metrics.QUEUE_DUE_TASKS)
_PAUSED = FamilyText(metrics.QUEUE_PAUSED)
_BYTES = FamilyText(metrics.QUEUE_BYTES)
_MAX_DEPTH = FamilyText(metrics.QUEUE_LIMIT_TASKS)
_MAX_BYTES = FamilyText(metrics.QUEUE_LIMIT_BYTES)
_WORKERS = FamilyText(metrics.QUEUE_WORKERS)
_SLOTS = FamilyText(metrics.QUEUE_SLOTS)
_ENQUEUED = FamilyText(metrics.TASKS_ENQUEUED)
_PROCESSED = FamilyText(metrics.TASKS_PROCESSED)
_LATE = FamilyText(metrics.TASKS_LATE)
_ARCHIVED = FamilyText(metrics.TASKS_ARCHIVED)
_ORPHANS = FamilyText(metrics.ORPHANS)
_DURATIONS = HistogramText(metrics.TASK_DURATION, RUN_BUCKETS_MS)
_WAITS = HistogramText(metrics.TASK_WAIT, WAIT_BUCKETS_MS)

FAMILIES: tuple[FamilyText, ...] = (
    *(_TASKS, _OLDEST, _DUE, _PAUSED, _BYTES, _MAX_DEPTH, _MAX_BYTES),
    *(_WORKERS, _SLOTS),
    *(_ENQUEUED, _PROCESSED, _LATE, _ARCHIVED, _ORPHANS, _DURATIONS, _WAITS),
)
"""The metrics of queues, in the order of the text."""

QueueText = tuple[bytes, ...]
"""The samples of one queue, per family of :data:`FAMILIES`."""


class Capacity(NamedTuple):
    """The workers of a queue."""

    workers: int = 0
    slots: int = 0


class _Rendered(NamedTuple):
    """The text of a queue, per group of families, and what it was rendered from."""

    stats: QueueStats
    capacity: Capacity
    state: QueueText
    served: QueueText
    totals: QueueText

    def join(self) -> QueueText:
        return self.state + self.served + self.totals


class QueueTexts:
    """Renders queues. The text of a queue is rendered again only when its statistics are another object.

    Args:
        limits: defaults for queues without limits of their own.
    """

    def __init__(self, limits: QueueLimits) -> None:
        self._limits = limits
        self._rendered: dict[str, tuple[_Rendered, QueueText]] = {}

    def render(self, stats: QueueStats, capacity: Capacity) -> QueueText:
        """The text of a queue."""
        known, text = self._rendered.get(stats.queue, (None, ()))
        if known is not None and known.stats is stats and known.capacity == capacity:
            return text
        rendered = self._render(stats, capacity, known)
        text = rendered.join()
        self._rendered[stats.queue] = rendered, text
        return text

    def keep(self, queues: Iterable[str]) -> None:
        """Forget all other queues."""
        for queue in self._rendered.keys() - set(queues):
            del self._rendered[queue]

    def _render(self, stats: QueueStats, capacity: Capacity, known: _Rendered | None) -> _Rendered:
        queue = escape_label(stats.queue)
        return _Rendered(
            stats,
            capacity,
            known.state if known and known.stats is stats else _write_state(queue, stats, self._limits),
            known.served if known and known.capacity == capacity else _write_capacity(queue, capacity),
            known.totals if known and known.stats.totals is stats.totals else _write_totals(queue, stats.totals),
        )


def _write_state(queue: str, stats: QueueStats, defaults: QueueLimits) -> QueueText:
    limits = stats.limits.over(defaults)
    return _encode(
        "".join(_TASKS.write((queue, state.value), number) for state, number in stats.counts.items()),
        _OLDEST.write((queue,), stats.oldest_pending_ms / 1000),
        "".join(_DUE.write((queue, f"{window_ms // 1000}s"), number) for window_ms, number in stats.due.items()),
        _PAUSED.write((queue,), stats.paused),
        _BYTES.write((queue,), stats.bytes),
        *(
            "" if limit is None else family.write((queue,), limit)
            for family, limit in ((_MAX_DEPTH, limits.max_depth), (_MAX_BYTES, limits.max_bytes))
        ),
    )


def _write_capacity(queue: str, capacity: Capacity) -> QueueText:
    return _encode(_WORKERS.write((queue,), capacity.workers), _SLOTS.write((queue,), capacity.slots))


def _write_totals(queue: str, totals: Totals) -> QueueText:
    return _encode(
        _write_counts(_ENQUEUED, queue, (((label,), number) for label, number in totals.enqueued.items())),
        _write_counts(_PROCESSED, queue, (((label, end), number) for (end, label), number in totals.processed.items())),
        _write_counts(_LATE, queue, (((label, state), number) for (state, label), number in totals.late.items())),
        _write_counts(_ARCHIVED, queue, (((reason,), number) for reason, number in totals.archived.items())),
        _ORPHANS.write((queue,), totals.orphans),
        *(
            "".join(
                family.write_histogram((queue, escape_label(label)), histogram)
                for label, histogram in histograms.items()
            )
            for family, histograms in ((_DURATIONS, totals.run), (_WAITS, totals.wait))
        ),
    )


def _write_counts(family: FamilyText, queue: str, counts: Iterable[tuple[Sequence[str], int]]) -> str:
    return "".join(family.write((queue, *map(escape_label, labels)), number) for labels, number in counts)


def _encode(*texts: str) -> QueueText:
    return tuple(text.encode() for text in texts)
