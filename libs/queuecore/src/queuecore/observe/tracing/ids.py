"""Trace ids that can be looked at before the SDK makes a span of them."""

from __future__ import annotations

from random import getrandbits, randrange
from threading import local

from opentelemetry.sdk.trace.id_generator import RandomIdGenerator


class TraceIds(RandomIdGenerator):
    """Random ids; the next span without a parent gets the one that was drawn last, by the same thread."""

    def __init__(self) -> None:
        self._drawn = local()

    def draw_below(self, bound: int) -> None:
        """Draw the next trace id so that its random part, of 64 bits, is below ``bound``."""
        random_part = randrange(bound)  # noqa: S311 - guards nothing
        self.draw((getrandbits(64) or 1) << 64 | random_part)

    def draw(self, trace_id: int) -> None:
        """Let this be the next trace id."""
        self._drawn.trace_id = trace_id

    def generate_trace_id(self) -> int:
        """For the SDK: the id that was drawn, or a new one."""
        drawn: int | None = getattr(self._drawn, "trace_id", None)
        self._drawn.trace_id = None
        return super().generate_trace_id() if drawn is None else drawn
