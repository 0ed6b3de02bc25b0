"""A keeper whose looks are traced: each is a trace of its own, with all that was asked and written."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from opentelemetry.trace import Tracer

from queuecontroller.conflict import Claim
from queuecontroller.reconciler import PoolReconciler, Result

_NAME = "keep WorkerPool"


class TracedPoolReconciler(PoolReconciler):
    """Keeps one pool.

    Args:
        tracer: makes the spans.
        keeper: as for :class:`~queuecontroller.reconciler.PoolReconciler`.
    """

    def __init__(self, tracer: Tracer, **keeper: Any) -> None:
        super().__init__(**keeper)
        self._tracer = tracer
        self._place = {"k8s.namespace.name": keeper["namespace"], "taskyard.workerpool.name": keeper["name"]}

    async def reconcile(self, claims: Iterable[Claim]) -> Result | None:
        """Look once, see the base class."""
        with self._tracer.start_as_current_span(_NAME, attributes=self._place):
            return await super().reconcile(claims)
