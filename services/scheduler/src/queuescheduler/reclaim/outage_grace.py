"""Grace period after an outage of the store, in which workers renew their leases. Pure.

During an outage no worker can renew, so a lease that expired then proves no lost worker.
"""

from __future__ import annotations

MAX_GRACE_S = 3.0
"""Upper bound of the grace period, however long the outage was."""


class ServerOutage:
    """Outage of one server, and the grace period after it. Times are of the monotonic clock, in seconds.

    Args:
        began_at: when the outage began; ``None`` while the server is reachable.
    """

    def __init__(self, began_at: float | None = None) -> None:
        self.began_at = began_at
        self._grace_until = 0.0

    def observe(self, now: float, *, reachable: bool) -> None:
        """Record whether the server answered.

        The first answer starts the grace period. It lasts as long as the outage did, up to :data:`MAX_GRACE_S`.
        """
        if not reachable and self.began_at is None:
            self.began_at = now
        elif reachable and self.began_at is not None:
            self._grace_until = now + min(now - self.began_at, MAX_GRACE_S)
            self.began_at = None

    def grace_has_ended(self, now: float) -> bool:
        """Test that the server is reachable and its grace period has ended."""
        return self.began_at is None and now >= self._grace_until


class OutageGrace:
    """Outages of the servers of all queues: in a Cluster one server may be unreachable while the others answer."""

    def __init__(self) -> None:
        self._directory = ServerOutage()
        """Of the server that lists the queues. A queue that is listed later starts with this outage."""
        self._queues: dict[str, ServerOutage] = {}
        self._answered: set[str] = set()
        """Queues whose server answered last time although the list of queues could not be read."""

    def observe(self, now: float, answered: dict[str, bool], *, directory_reachable: bool) -> None:
        """Record which servers answered.

        While the list of queues cannot be read, the first answer of a queue does not end its outage: this role may be
        the first of the scheduler's roles that a recovering server answers.

        Args:
            now: the monotonic clock, in seconds.
            answered: for each queue, whether its server answered.
            directory_reachable: whether the last read of the list of queues succeeded.
        """
        outages = {queue: self._queues.get(queue) or ServerOutage(self._directory.began_at) for queue in answered}
        for queue, outage in outages.items():
            is_confirmed = directory_reachable or queue in self._answered
            outage.observe(now, reachable=answered[queue] and is_confirmed)
        self._queues = outages
        self._directory.observe(now, reachable=directory_reachable)
        self._answered = set() if directory_reachable else {queue for queue, came in answered.items() if came}

    def has_ended(self, queue: str, now: float) -> bool:
        """Test that the grace period has ended. From then on an expired lease of the queue means a lost worker."""
        return self._queues[queue].grace_has_ended(now)
