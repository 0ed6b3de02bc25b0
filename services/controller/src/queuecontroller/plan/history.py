"""What earlier decisions leave behind: recommendations for the windows, changes for the policies, the idle time.

It is small and written into the pool's status, so that a controller that starts anew goes on where the last one ended.
"""

from __future__ import annotations

import msgspec


class Recommendation(msgspec.Struct, frozen=True):
    """Pods that were needed at a moment."""

    at_s: float
    """Unix seconds, as all times here."""
    replicas: int


class ScaleEvent(msgspec.Struct, frozen=True):
    """A change of the number of pods."""

    at_s: float
    change: int


class History(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about the past that decides."""

    recommendations: tuple[Recommendation, ...] = ()
    """Oldest first; without those that newer ones outdo in both directions."""
    events: tuple[ScaleEvent, ...] = ()
    """Oldest first."""
    idle_since_s: float | None = None
    replicas: int | None = None
    """How many pods there were to be when last looked at."""

    def recommend(self, at_s: float, replicas: int, longest_window_s: float) -> History:
        """With one more recommendation, and without those older than the longest window."""
        kept = [each for each in self.recommendations if each.at_s > at_s - longest_window_s]
        least, most = replicas, replicas
        useful = []
        for each in reversed(kept):
            if each.replicas < least or each.replicas > most:
                useful.append(each)
                least, most = min(least, each.replicas), max(most, each.replicas)
        newest = Recommendation(at_s, replicas)
        return msgspec.structs.replace(self, recommendations=(*reversed(useful), newest))

    def note_replicas(self, at_s: float, replicas: int, longest_period_s: float) -> History:
        """With the change since the last look, whoever made it, and without changes older than the longest period."""
        events = tuple(each for each in self.events if each.at_s > at_s - longest_period_s)
        if self.replicas is not None and replicas != self.replicas:
            events = (*events, ScaleEvent(at_s, replicas - self.replicas))
        return msgspec.structs.replace(self, events=events, replicas=replicas)

    def note_idleness(self, at_s: float, *, idle: bool) -> History:
        """With the moment since which there has been nothing to do."""
        since_s = (at_s if self.idle_since_s is None else self.idle_since_s) if idle else None
        return msgspec.structs.replace(self, idle_since_s=since_s)

    def since(self, at_s: float) -> list[int]:
        """The recommendations after a moment, and the newest in any case."""
        return [each.replicas for each in self.recommendations[:-1] if each.at_s > at_s] + [
            each.replicas for each in self.recommendations[-1:]
        ]

    def change(self, since_s: float) -> int:
        """Pods added, less those taken away, after a moment."""
        return sum(each.change for each in self.events if each.at_s > since_s)
