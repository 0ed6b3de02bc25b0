"""Whether a lapsed lease tells of a lost worker, and not of a server that was away from all."""

from __future__ import annotations

MAX_GRACE_S = 3.0
"""What workers get at most, when a server is back, to renew leases that lapsed because nobody could."""


class Absence:
    """What was seen of one server. Times are of the monotonic clock, in seconds.

    Args:
        since: since when the server has been away; ``None`` when it is there.
    """

    def __init__(self, since: float | None = None) -> None:
        self.since = since
        self._grace_until = 0.0

    def note(self, now: float, *, away: bool) -> None:
        """Hear of one more look at the server.

        When it is back, those who hold leases get as much time to renew them as they had none before, up to a limit.
        """
        if away and self.since is None:
            self.since = now
        elif not away and self.since is not None:
            self._grace_until = now + min(now - self.since, MAX_GRACE_S)
            self.since = None

    def is_over(self, now: float) -> bool:
        """Whether all had time enough."""
        return self.since is None and now >= self._grace_until


class Absences:
    """What was seen of the servers of all queues: in a Cluster one may be away while others are not."""

    def __init__(self) -> None:
        self._registry = Absence()
        """Of the server that lists the queues: all that is known of queues that have yet to be heard of."""
        self._queues: dict[str, Absence] = {}
        self._answered: set[str] = set()
        """Queues that were answered for while the list of queues could not be had."""

    def note(self, now: float, answered: dict[str, bool], *, registry_away: bool) -> None:
        """Hear of one more look at all.

        The first answer after the list of queues was lost proves nothing: of several roles of a scheduler, the one
        that got it may be the first to which a single server answers again.

        Args:
            now: when.
            answered: of each queue whether its server has answered.
            registry_away: whether the list of queues could not be had the last time.
        """
        known = {queue: self._queues.get(queue) or Absence(self._registry.since) for queue in answered}
        for queue, absence in known.items():
            doubtful = registry_away and queue not in self._answered
            absence.note(now, away=doubtful or not answered[queue])
        self._queues = known
        self._registry.note(now, away=registry_away)
        self._answered = {queue for queue, came in answered.items() if came and registry_away}

    def is_over(self, queue: str, now: float) -> bool:
        """Whether a lapsed lease of the queue tells of a lost worker."""
        return self._queues[queue].is_over(now)
