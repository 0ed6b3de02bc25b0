"""Status writer: writes the status subresource of one pool, at most as often as it changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from queuecontroller.cluster.client import Cluster, Object
from queuecontroller.plan.history import History
from queuecontroller.status.conditions import Condition, condition_fields
from queuecontroller.status.events import Event, transition_events
from queuecontroller.status.history import history_fields

REFRESH_S = 30.0
"""A status that differs only in volatile fields is written this often."""
_VOLATILE = ("time", "recommendations", "scaleEvents", "message", "arrivalsPerSecond", "lastTransitionTime")


class StatusWriter:
    """Writes the status of one pool.

    Args:
        cluster: the Kubernetes API.
        namespace: the pool's namespace.
        name: the pool's name.
        clock: returns Unix seconds.
    """

    def __init__(self, cluster: Cluster, namespace: str, name: str, clock: Callable[[], float]) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._name = name
        self._clock = clock
        self._written: Mapping[str, Any] = {}
        self._written_at_s = 0.0

    async def write(
        self,
        pool: Object,
        fields: Mapping[str, Any],
        conditions: Sequence[Condition],
        history: History | None,
        *,
        force: bool = False,
    ) -> list[Event]:
        """Write the status if it has changed, is due for a refresh, or ``force`` is set.

        Conditions of other types stay as they were written last.

        Args:
            pool: as read from the Kubernetes API.
            fields: status fields besides conditions and history.
            conditions: the new conditions.
            history: stored for the next leader; ``None`` before the first plan.
            force: write even an unchanged status.

        Returns:
            Events for the conditions that changed; none if nothing was written.

        Raises:
            ClusterError: the Kubernetes API refused.
        """
        now_s = self._clock()
        before = self._written.get("conditions") or pool.get("status", {}).get("conditions") or []
        generation = pool["metadata"].get("generation", 0)
        updated = {each.type for each in conditions}
        others = [each for each in before if each["type"] not in updated]
        status: dict[str, Any] = {
            "observedGeneration": generation,
            **fields,
            **({} if history is None else history_fields(history)),
            "conditions": others + condition_fields(conditions, before, generation, now_s),
        }
        is_stale = now_s - self._written_at_s >= REFRESH_S
        if not force and not is_stale and _without_volatile(status) == _without_volatile(self._written):
            return []
        await self._cluster.set_pool_status(self._namespace, self._name, status)
        self._written, self._written_at_s = status, now_s
        return transition_events(before, conditions)


def _without_volatile(status: Mapping[str, Any]) -> Mapping[str, Any]:
    """The fields of a status whose change is worth a write."""
    return {
        key: _without_volatile(value) if isinstance(value, dict) else value
        for key, value in status.items()
        if key not in _VOLATILE
    }
