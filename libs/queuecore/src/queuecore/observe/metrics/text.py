"""The text of a scrape, in the form that is asked for."""

from __future__ import annotations

import gzip
from collections.abc import Callable

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder, gzip_accepted

_QUICK = 1
"""The level of compression: higher ones take several times as long for a little less text."""


def write_metrics(registry: CollectorRegistry, accept: str, accept_encoding: str) -> tuple[bytes, dict[str, str]]:
    """All metrics of a registry.

    Args:
        registry: what is told.
        accept: the header of this name; OpenMetrics is written if it is asked for, else Prometheus' text.
        accept_encoding: the header of this name; gzip is used if it is allowed.

    Returns:
        The body, and the headers that say what it is.
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
    except (TypeError, ValueError):  # it asks for a version that is not a number
        return choose_encoder("")
