"""Trace ids that can be looked at before the SDK makes a span of them."""

from __future__ import annotations

from threading import local

from opentelemetry.sdk.trace.id_generator import RandomIdGenerator


class TraceIds(RandomIdGenerator):
    """Random ids; the next span without a parent gets the one that was drawn last, by the same thread."""

    def __init__(self) -> None:
        self._drawn = local()

    def draw(self) -> int:
        """A new trace id."""
        drawn = self._drawn.trace_id = super().generate_trace_id()
        return drawn

    def generate_trace_id(self) -> int:
        """For the SDK: the id that was drawn, or a new one."""
        drawn: int | None = getattr(self._drawn, "trace_id", None)
        self._drawn.trace_id = None
        return super().generate_trace_id() if drawn is None else drawn
