"""Planner history: recommendations for the windows, scale events for the policies, the start of idleness.

It is stored in the pool's status, so that a new leader continues where the last one stopped.
"""

from __future__ import annotations

import msgspec


class Recommendation(msgspec.Struct, frozen=True):
    """The recommended number of replicas at one time."""

    at_s: float
    """Unix seconds, like all times in this module."""
    replicas: int


class ScaleEvent(msgspec.Struct, frozen=True):
    """A change of the number of replicas."""

    at_s: float
    change: int


class History(msgspec.Struct, frozen=True, kw_only=True):
    """The past that affects planning."""

    recommendations: tuple[Recommendation, ...] = ()
    """Oldest first. Entries that cannot be the minimum or the maximum of any window are left out."""
    events: tuple[ScaleEvent, ...] = ()
    """Oldest first."""
    idle_since_s: float | None = None
    replicas: int | None = None
    """Replicas at the last reconciliation."""

    def with_recommendation(self, at_s: float, replicas: int, longest_window_s: float) -> History:
        """A copy with one more recommendation, and without those older than the longest window."""
        recent = [each for each in self.recommendations if each.at_s > at_s - longest_window_s]
        least, most = replicas, replicas
        useful = []
        for each in reversed(recent):
            if each.replicas < least or each.replicas > most:
                useful.append(each)
                least, most = min(least, each.replicas), max(most, each.replicas)
        newest = Recommendation(at_s, replicas)
        return msgspec.structs.replace(self, recommendations=(*reversed(useful), newest))

    def with_replicas(self, at_s: float, replicas: int, memory_s: float) -> History:
        """A copy with the change since the last reconciliation, by any client, and without forgotten events."""
        events = tuple(each for each in self.events if each.at_s > at_s - memory_s)
        if self.replicas is not None and replicas != self.replicas:
            events = (*events, ScaleEvent(at_s, replicas - self.replicas))
        return msgspec.structs.replace(self, events=events, replicas=replicas)

    def with_idleness(self, at_s: float, *, idle: bool) -> History:
        """A copy with the start of the present idle time; without one while there is work."""
        since_s = (at_s if self.idle_since_s is None else self.idle_since_s) if idle else None
        return msgspec.structs.replace(self, idle_since_s=since_s)

    def recommendations_since(self, at_s: float) -> list[int]:
        """The recommendations after ``at_s``, and always the newest."""
        return [each.replicas for each in self.recommendations[:-1] if each.at_s > at_s] + [
            each.replicas for each in self.recommendations[-1:]
        ]

    def net_change_since(self, since_s: float) -> int:
        """Pods added minus pods removed after ``since_s``."""
        return sum(each.change for each in self.events if each.at_s > since_s)

    def has_grown_since(self, since_s: float) -> bool:
        """True if pods were added after ``since_s``."""
        return any(each.change > 0 and each.at_s > since_s for each in self.events)
