"""Pod selection at scale-in: idle pods first, marked by their deletion cost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
_REMOVAL_COST = -1_000_000
"""Far below the costs that other tools write, and below 0, the cost of pods without the annotation."""


class Pod(msgspec.Struct, frozen=True, kw_only=True):
    """A worker pod."""

    name: str
    ready: bool
    running: int | None
    """Tasks that it runs; ``None`` if its worker is not registered."""
    cost: str | None = None
    """The annotated deletion cost."""
    grace_s: float = 30
    """Termination grace period, in seconds."""

    @property
    def is_busy(self) -> bool:
        """True if its deletion may interrupt a task. A ready pod without a registered worker counts as busy."""
        return self.ready if self.running is None else self.running > 0

    @property
    def is_marked_for_removal(self) -> bool:
        """True if the controller has marked it for removal."""
        try:
            return self.cost is not None and int(self.cost) <= _REMOVAL_COST // 2
        except ValueError:
            return False


def may_drain(mode: Literal["Auto", "Always", "Never"], longest_task_s: float, pods: Sequence[Pod]) -> bool:
    """Check if busy pods may be removed too.

    ``Auto`` allows it if the longest task fits into half of the termination grace period. The other half is for tasks
    that a pod leases between the check and its SIGTERM.
    """
    if mode == "Auto":
        return bool(pods) and longest_task_s <= min(pod.grace_s for pod in pods) / 2
    return mode == "Never"


def find_removable(pods: Sequence[Pod], *, drain: bool) -> list[Pod]:
    """The pods that may be removed, in order of removal.

    A ReplicaSet deletes pods that are not ready before all others, regardless of their cost. Therefore no pod may be
    removed while a busy one is not ready.

    Args:
        pods: the pods of the Deployment.
        drain: busy pods may be removed too.
    """
    if not drain and any(pod.is_busy and not pod.ready for pod in pods):
        return []
    removable = [pod for pod in pods if drain or not pod.is_busy]
    return sorted(removable, key=lambda pod: (pod.ready, pod.running is None and pod.ready, pod.running or 0, pod.name))


def assign_deletion_costs(pods: Sequence[Pod]) -> dict[str, str]:
    """Pod -> deletion cost that marks it for removal; the first pod is removed first."""
    return {pod.name: str(_REMOVAL_COST + rank) for rank, pod in enumerate(pods)}


def find_stale_marks(pods: Iterable[Pod], selected: Iterable[str]) -> list[str]:
    """Pods that are marked for removal but not among ``selected``."""
    names = set(selected)
    return [pod.name for pod in pods if pod.is_marked_for_removal and pod.name not in names]
