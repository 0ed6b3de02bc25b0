"""A decision with its reasons."""

from __future__ import annotations

from typing import Literal

import msgspec

from queuecontroller.plan.demand import Demand
from queuecontroller.plan.history import History
from queuecontroller.plan.load import PoolLoad

Action = Literal["ScaleOut", "ScaleIn", "Hold"]


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """How many pods there are to be."""

    current: int
    desired: int
    reason: str
    """What decided, in CamelCase."""
    limited_by: tuple[str, ...] = ()
    """What kept the decision from what the queues need, in CamelCase."""
    recommended: int | None = None
    """Pods wanted before windows and steps; ``None`` where nothing was measured."""
    load: PoolLoad | None = None
    demand: Demand | None = None
    busy_pods: int | None = None
    """Pods that run tasks; known when pods were to go."""
    history: History

    @property
    def action(self) -> Action:
        """Which way it goes."""
        if self.desired > self.current:
            return "ScaleOut"
        return "ScaleIn" if self.desired < self.current else "Hold"

    @property
    def message(self) -> str:
        """The decision in a sentence, for people."""
        limits = f"; limited by {', '.join(self.limited_by)}" if self.limited_by else ""
        if self.load is None or self.demand is None:
            return f"{self.current} pods are kept as they are{limits}"
        return (
            f"{self.load.pending:.0f} pending, {self.load.active:.0f} active, {self.load.due_soon:.0f} due soon, "
            f"{self.load.arrivals_per_s:.3g}/s of {self.demand.task_s:.3g} s each, "
            f"need {self.demand.replicas:.2f} pods: {self.current} -> {self.desired}{limits}"
        )
