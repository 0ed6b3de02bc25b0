"""The text of a scrape, in the format that the request accepts."""

from __future__ import annotations

import gzip
from collections.abc import Callable

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder, gzip_accepted

_QUICK = 1
"""Compression level; higher ones take several times as long for slightly smaller text."""


def write_metrics(registry: CollectorRegistry, accept: str, accept_encoding: str) -> tuple[bytes, dict[str, str]]:
    """Write all metrics of a registry.

    Args:
        registry: holds the metrics.
        accept: the `Accept` header; selects OpenMetrics, else the Prometheus text format.
        accept_encoding: the `Accept-Encoding` header; selects gzip.

    Returns:
        The body and the headers that describe it.
    """
    encode, media_type = _choose_form(accept)
    body, headers = encode(registry), {"Content-Type": media_type, "Vary": "Accept, Accept-Encoding"}
    if gzip_accepted(accept_encoding):
        body = gzip.compress(body, _QUICK)
        headers["Content-Encoding"] = "gzip"
    return body, headers


def _choose_form(accept: str) -> tuple[Callable[[CollectorRegistry], bytes], str]:
    try:
        return choose_encoder(accept)
    except (TypeError, ValueError):  # the header has a version that is not a number
        return choose_encoder("")
