"""Metrics of one scheduler process."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from queuecore.observe.metrics import definitions as metrics
from queuecore.store.attempts.maintenance import Promotion


class SchedulerMetrics:
    """The metrics of a scheduler.

    Args:
        registry: exposes them.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        metrics.register_process(registry, "scheduler")
        self.reclaimed = metrics.SCHEDULER_RECLAIMED.build(registry)
        self.expired = metrics.SCHEDULER_EXPIRED.build(registry)
        self.aged = metrics.SCHEDULER_AGED.build(registry)
        self._promoted = metrics.SCHEDULER_PROMOTED.build(registry)
        self._lateness = metrics.SCHEDULER_LATENESS.build(registry)

    def record_promotion(self, promotion: Promotion) -> None:
        """Count promoted tasks and observe the lateness of each."""
        self._promoted.inc(len(promotion.late_ms))
        for late_ms in promotion.late_ms:
            self._lateness.observe(late_ms / 1000)
