"""Duration histograms with a low cost per observation.

They hold plain numbers and convert them to metrics at each scrape. The client library's histograms lock each
number, which costs more than some of the measured operations.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType

from opentelemetry import trace
from prometheus_client import CollectorRegistry
from prometheus_client.core import Exemplar, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from queuecore.observe.metrics.definitions import STORE_CALL_DURATION, STORE_CALL_FAILURES, HistogramDefinition


class _Series:
    __slots__ = ("counts", "exemplars", "sum_s")

    def __init__(self, buckets: int) -> None:
        self.counts = [0] * buckets
        self.sum_s = 0.0
        self.exemplars: dict[int, Exemplar] = {}


class DurationHistogram(Collector):
    """A registered histogram; other threads may scrape it while it counts.

    Args:
        definition: its definition, with buckets.
        registry: exposes it.
        labels: converts a key of :meth:`note` to label values, once per scrape.
    """

    def __init__(
        self,
        definition: HistogramDefinition,
        registry: CollectorRegistry,
        labels: Callable[[tuple[str, ...]], Sequence[str]] = tuple,
    ) -> None:
        self._definition = definition
        self._labels = labels
        self._bounds_s = definition.buckets_s
        self._series: dict[tuple[str, ...], _Series] = {}
        if not definition.labels:
            self._series[()] = self._new_series()
        registry.register(self)

    def note(self, key: tuple[str, ...], seconds: float, trace_id: str | None = None) -> None:
        """Count one duration in the series with this key, with a trace id as exemplar."""
        series = self._series.get(key)
        if series is None:
            series = self._series[key] = self._new_series()
        bucket = bisect_left(self._bounds_s, seconds)
        series.counts[bucket] += 1
        series.sum_s += seconds
        if trace_id is not None:
            series.exemplars[bucket] = Exemplar({"trace_id": trace_id}, seconds, time.time())

    def _new_series(self) -> _Series:
        return _Series(len(self._bounds_s) + 1)

    def collect(self) -> Iterable[Metric]:
        """Convert the numbers to metrics."""
        family = self._definition.family()
        bounds = [*map(repr, map(float, self._bounds_s)), "+Inf"]
        for key, series in list(self._series.items()):
            add_histogram(
                family, self._labels(key), bounds, series.counts.copy(), series.sum_s, series.exemplars.copy()
            )
        return (family,)


class StoreCalls(Collector):
    """Durations and failures of this process's store calls.

    Args:
        registry: exposes them.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._durations = DurationHistogram(STORE_CALL_DURATION, registry)
        self._failures = 0
        registry.register(self)

    def note(self, seconds: float, answered: bool) -> None:
        """Count one call."""
        self._durations.note((), seconds)
        self._failures += not answered

    def collect(self) -> Iterable[Metric]:
        """Expose the failures; the durations register themselves."""
        family = STORE_CALL_FAILURES.family()
        family.add_metric((), self._failures)
        return (family,)


def add_histogram(
    family: HistogramMetricFamily,
    labels: Sequence[str],
    bounds: Sequence[str],
    counts: Sequence[int],
    sum_s: float,
    exemplars: Mapping[int, Exemplar] = MappingProxyType({}),
) -> None:
    """Add one series, with its counts made cumulative as Prometheus expects.

    Args:
        family: takes the series.
        labels: label values.
        bounds: upper bounds of the buckets in seconds, ``+Inf`` last.
        counts: per bucket, not cumulative.
        sum_s: sum of all durations.
        exemplars: by bucket index.
    """
    buckets: list[tuple[str, float] | tuple[str, float, Exemplar]] = []
    total = 0
    for place, (bound, number) in enumerate(zip(bounds, counts, strict=True)):
        total += number
        shown = exemplars.get(place)
        buckets.append((bound, total, shown) if shown else (bound, total))
    family.add_metric(labels, buckets, sum_s)


def current_trace_id() -> str | None:
    """Return the id of the current trace in hexadecimal; ``None`` without a trace or if it is not sampled."""
    context = trace.get_current_span().get_span_context()
    return trace.format_trace_id(context.trace_id) if context.trace_flags.sampled and context.is_valid else None
