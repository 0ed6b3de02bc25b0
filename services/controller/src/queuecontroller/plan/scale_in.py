"""Which pods go when there are too many: those whose going interrupts nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
_REMOVAL_COST = -1_000_000
"""Far below whatever others write, and 0 for pods without the annotation."""


class Pod(msgspec.Struct, frozen=True, kw_only=True):
    """A worker's pod."""

    name: str
    ready: bool
    running: int | None
    """Tasks that it runs; ``None`` if it has not registered."""
    cost: str | None = None
    """Its deletion cost, as annotated."""
    grace_s: float = 30

    @property
    def is_busy(self) -> bool:
        """Whether its end may interrupt a task. A ready pod that nobody has heard of is taken for busy."""
        return self.ready if self.running is None else self.running > 0

    @property
    def is_marked_for_removal(self) -> bool:
        """Whether it is marked to go."""
        try:
            return self.cost is not None and int(self.cost) <= _REMOVAL_COST // 2
        except ValueError:
            return False


def may_drain(mode: Literal["Auto", "Always", "Never"], longest_task_s: float, pods: Sequence[Pod]) -> bool:
    """Whether busy pods may go too, since their tasks will have ended within the grace period.

    Half of it is left for the tasks that are leased until the pod is told.
    """
    if mode == "Auto":
        return bool(pods) and longest_task_s <= min(pod.grace_s for pod in pods) / 2
    return mode == "Never"


def find_removable(pods: Sequence[Pod], *, drain: bool) -> list[Pod]:
    """The pods that may go, those first that a ReplicaSet must be told to take first.

    A ReplicaSet takes pods that are not ready before all others, whatever their cost. So nothing goes while a busy one
    is not ready.
    """
    if not drain and any(pod.is_busy and not pod.ready for pod in pods):
        return []
    going = [pod for pod in pods if drain or not pod.is_busy]
    return sorted(going, key=lambda pod: (pod.ready, pod.running is None and pod.ready, pod.running or 0, pod.name))


def mark(victims: Sequence[Pod]) -> dict[str, str]:
    """Pod -> deletion cost: the first goes first."""
    return {pod.name: str(_REMOVAL_COST + rank) for rank, pod in enumerate(victims)}


def unmark(pods: Iterable[Pod], victims: Iterable[str]) -> list[str]:
    """Pods that are marked though they are not among the ``victims``."""
    spared = set(victims)
    return [pod.name for pod in pods if pod.is_marked_for_removal and pod.name not in spared]
