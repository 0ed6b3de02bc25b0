"""Strict parser of OpenMetrics."""

from __future__ import annotations

from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families


def read_open_metrics(text: str) -> dict[str, Metric]:
    """Metric families by name."""
    return {family.name: family for family in text_string_to_metric_families(text)}  # type: ignore[no-untyped-call]
