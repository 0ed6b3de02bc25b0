"""Decide the fate of a row from the API's answer for its task. Pure."""

from __future__ import annotations

import random
from collections.abc import Callable

import msgspec

from taskyard.client.core.answers import Created
from taskyard.errors import DuplicateTask, Refused, Unauthorized, UnknownTaskType
from taskyard.outbox.table import DUPLICATE, REFUSED, RELAYED, WAITING

FIRST_PAUSE_MS = 1_000
LONGEST_PAUSE_MS = 5 * 60_000
UNKNOWN_TYPE_MS = 3_600_000
"""A release may start before its worker does: so long, an unknown task type is no error for good."""

_PASSING = frozenset({408, 425, 429})
"""Statuses below 500 that end by themselves."""
_FOR_GOOD = frozenset({400, 409, 413, 422})
"""Statuses by which the API refuses a request because of its content."""


class Verdict(msgspec.Struct, frozen=True):
    """The fate of a row."""

    state: str
    """The new state; ``waiting`` for another attempt."""
    error: str | None = None
    pause_ms: int = 0
    """Time until another attempt."""


def decide(
    fate: Created | Refused,
    task_id: str,
    attempts: int,
    age_ms: int,
    jitter: Callable[[], float] = random.random,
) -> Verdict:
    """The fate of a row.

    Args:
        fate: the API's answer for its task.
        task_id: the id of the task.
        attempts: attempts that were refused before.
        age_ms: time since the row was inserted.
        jitter: returns values in [0, 1).
    """
    if isinstance(fate, Created):
        return Verdict(RELAYED)
    if isinstance(fate, DuplicateTask):
        # Its own id: an earlier attempt, whose answer was lost, has enqueued it.
        return Verdict(RELAYED) if fate.task_id == task_id else Verdict(DUPLICATE, str(fate))
    if _may_succeed_later(fate, age_ms):
        longest_ms = min(FIRST_PAUSE_MS * 2 ** min(attempts, 20), LONGEST_PAUSE_MS)
        pause_ms = max(longest_ms * (0.5 + jitter() / 2), 1000 * (fate.retry_after_s or 0), _asked_pause_ms(fate))
        return Verdict(WAITING, str(fate), int(pause_ms))
    return Verdict(REFUSED, str(fate))


def is_about_content(error: Refused) -> bool:
    """True when the API refuses a whole call because of its content, so that a part of its tasks may be accepted.

    Other refusals concern all calls: no permission, an older API, or an answer that is not the API's.
    """
    return bool(error.code) and error.status in _FOR_GOOD


def _may_succeed_later(error: Refused, age_ms: int) -> bool:
    if isinstance(error, UnknownTaskType):
        return age_ms < UNKNOWN_TYPE_MS
    return error.status in _PASSING or error.status >= 500 or isinstance(error, Unauthorized)


def _asked_pause_ms(error: Refused) -> float:
    asked = error.details.get("retry_after_s", 0)
    return 1000.0 * asked if isinstance(asked, int | float) else 0.0
