"""Exceptions by which a handler decides whether its task is retried. Any other exception is a failed attempt."""

from __future__ import annotations

from datetime import timedelta

from queuecore.domain.duration import parse_duration


class Retry(Exception):
    """The attempt failed; retry the task after a delay.

    Args:
        message: the reason, which becomes the last error of the task.
        after: the delay: a timedelta, seconds, or a duration such as ``"30s"``. ``None``: the delay of the task's
            retry policy.

    Raises:
        InvalidDuration: ``after`` is a text that is not a duration.
    """

    def __init__(self, message: str = "", *, after: timedelta | float | str | None = None) -> None:
        super().__init__(message or "the handler asked for a retry")
        self.after_ms = None if after is None else _to_ms(after)


class DoNotRetry(Exception):
    """The attempt failed and no retry can succeed: archive the task, even if retries are left."""


def _to_ms(after: timedelta | float | str) -> int:
    if isinstance(after, str):
        return parse_duration(after)
    seconds = after.total_seconds() if isinstance(after, timedelta) else after
    return max(0, round(seconds * 1000))
