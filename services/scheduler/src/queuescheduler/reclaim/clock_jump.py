"""Grace after a forward jump of a server's clock, in which workers renew their leases. Pure.

A jump lapses all leases at once, and proves no lost worker. The scheduler detects it by its own monotonic clock.
"""

from __future__ import annotations

MIN_JUMP_MS = 500
"""A smaller jump does not matter: workers renew their leases long before they expire."""
MAX_GRACE_MS = 60_000
"""Longest time for which leases last longer, however large the jump. A scheduler that was suspended sees one, too."""


class ServerClock:
    """The clock of one server, compared with the monotonic clock of this process."""

    def __init__(self) -> None:
        self._ahead_ms: tuple[float, float] | None = None
        """Bounds of the server's clock minus the local one, as of the last reading."""
        self._jump_ms = 0.0
        self._grace_until_ms = 0.0

    def observe(self, now_ms: int, asked_at_s: float, answered_at_s: float) -> None:
        """Compare a reading of the server's clock with the last one.

        Args:
            now_ms: the server's clock, Unix time.
            asked_at_s: the monotonic clock before the call that read it.
            answered_at_s: the monotonic clock after that call.
        """
        low, high = now_ms - answered_at_s * 1000, now_ms - asked_at_s * 1000
        last_low, last_high = self._ahead_ms or (low, high)
        self._ahead_ms = low, high
        if low - last_high >= MIN_JUMP_MS:
            jump_ms = high - last_low
            # The clock may reach its new time in several jumps.
            earlier_ms = self._jump_ms if now_ms - jump_ms < self._grace_until_ms else 0
            self._jump_ms = earlier_ms + jump_ms
            self._grace_until_ms = now_ms + MAX_GRACE_MS
        elif last_low - high >= MIN_JUMP_MS:
            self._grace_until_ms = 0.0

    def has_expired(self, expires_at_ms: int, now_ms: int) -> bool:
        """Test that a lease has expired; during the grace, that it would have expired without the jump, too."""
        jump_ms = self._jump_ms if now_ms < self._grace_until_ms else 0
        return expires_at_ms + jump_ms <= now_ms
