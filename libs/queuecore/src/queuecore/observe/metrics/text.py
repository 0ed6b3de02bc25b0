"""The text of a scrape, in the format that the request accepts."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.exposition import choose_encoder, gzip_accepted
from prometheus_client.registry import Collector

QUICK = 1
"""Compression level; higher ones take several times as long for slightly smaller text."""

_SAMPLES_PER_PART = 200


class TextFormat:
    """A format of the text: Prometheus or OpenMetrics, with the escaping of names that the client accepts.

    Args:
        accept: the `Accept` header; selects OpenMetrics, else the Prometheus text format.
    """

    def __init__(self, accept: str) -> None:
        self._encode, self.media_type = _choose_encoder(accept)
        self.end = self._encode(_Metrics(()))
        """Follows the last metric."""

    def write(self, metrics: Iterable[Metric]) -> bytes:
        """The text of some metrics, without :attr:`end`."""
        return self._encode(_Metrics(metrics)).removesuffix(self.end)

    def write_in_parts(self, metric: Metric) -> Iterator[bytes]:
        """The text of one metric; a part takes a few milliseconds at most."""
        samples, metric.samples = metric.samples, []
        head = self.write((metric,))
        yield head
        for first in range(0, len(samples), _SAMPLES_PER_PART):
            metric.samples = samples[first : first + _SAMPLES_PER_PART]
            yield self.write((metric,)).removeprefix(head)

    def escape_sample_name(self, name: str) -> bytes:
        """The name of a sample as this format writes it."""
        metric = Metric(name, "", "unknown")
        metric.add_sample(name, {}, 0)
        return self.write((metric,)).splitlines()[-1].split()[0]


def write_metrics(registry: CollectorRegistry, accept: str, accept_encoding: str) -> tuple[bytes, dict[str, str]]:
    """Write all metrics of a registry.

    Args:
        registry: holds the metrics.
        accept: the `Accept` header, see :class:`TextFormat`.
        accept_encoding: the `Accept-Encoding` header; selects gzip.

    Returns:
        The body and the headers that describe it.
    """
    text_format = TextFormat(accept)
    compressed = gzip_accepted(accept_encoding)
    body = text_format.write(registry.collect()) + text_format.end
    return gzip.compress(body, QUICK) if compressed else body, describe_text(text_format, compressed=compressed)


def describe_text(text_format: TextFormat, *, compressed: bool) -> dict[str, str]:
    """The headers of a response with this format."""
    headers = {"Content-Type": text_format.media_type, "Vary": "Accept, Accept-Encoding"}
    return {**headers, "Content-Encoding": "gzip"} if compressed else headers


def _choose_encoder(accept: str) -> tuple[Callable[[Collector], bytes], str]:
    try:
        return choose_encoder(accept)
    except (TypeError, ValueError):  # the header has a version that is not a number
        return choose_encoder("")


class _Metrics(Collector):
    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        return self._metrics
