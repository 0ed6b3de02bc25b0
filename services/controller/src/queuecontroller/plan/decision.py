"""Decision: the outcome of planning, with its reasons."""

from __future__ import annotations

from typing import Literal

import msgspec

from queuecontroller.plan.demand import Demand
from queuecontroller.plan.history import History
from queuecontroller.plan.load import PoolLoad

Action = Literal["ScaleOut", "ScaleIn", "Hold"]


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """The desired number of replicas, and why."""

    current: int
    desired: int
    reason: str
    """The decisive factor, in CamelCase."""
    limited_by: tuple[str, ...] = ()
    """Limits that keep ``desired`` from the demand, in CamelCase; the last one is decisive."""
    recommended: int | None = None
    """Replicas before stabilization windows and policies; ``None`` without metrics."""
    load: PoolLoad | None = None
    demand: Demand | None = None
    busy_pods: int | None = None
    """Pods that run tasks; ``None`` unless a scale-in was attempted."""
    history: History

    @property
    def action(self) -> Action:
        """The direction of the change."""
        if self.desired > self.current:
            return "ScaleOut"
        return "ScaleIn" if self.desired < self.current else "Hold"

    @property
    def message(self) -> str:
        """The decision as a sentence for Events and the status."""
        limits = f"; limited by {', '.join(self.limited_by)}" if self.limited_by else ""
        if self.load is None or self.demand is None:
            return f"the number of pods stays at {self.current}{limits}"
        return (
            f"{self.load.pending:.0f} pending, {self.load.active:.0f} active, {self.load.due_soon:.0f} due soon, "
            f"{self.load.arrivals_per_s:.3g}/s of {self.demand.task_s:.3g} s each, "
            f"need {self.demand.replicas:.2f} pods: {self.current} -> {self.desired}{limits}"
        )
