"""Durations in the notation of Go: ``30s``, ``5m``, ``1h30m``, ``500ms``, ``1.5h``."""

from __future__ import annotations

import re
from decimal import ROUND_HALF_UP, Decimal

from queuecore.errors import InvalidDuration

MAX_DURATION_MS = 100 * 365 * 24 * 3_600_000
"""100 years. The year of every computed time then has four digits."""

_UNIT_MS = {
    "ns": Decimal("1e-6"),
    "us": Decimal("1e-3"),
    "\u00b5s": Decimal("1e-3"),  # the micro sign
    "\u03bcs": Decimal("1e-3"),  # the Greek letter, which many keyboards give instead
    "ms": Decimal(1),
    "s": Decimal(1_000),
    "m": Decimal(60_000),
    "h": Decimal(3_600_000),
}
_PART = re.compile(rf"([0-9]+\.?[0-9]*|\.[0-9]+)({'|'.join(_UNIT_MS)})")
DURATION_PATTERN = rf"(0|({_PART.pattern})+)"
"""A regular expression for durations, without anchors; for schemas."""
_WHOLE = re.compile(rf"(?:{_PART.pattern})+")
_MAX_LENGTH = 64
_EXAMPLES = "such as 30s, 5m, 1h30m or 500ms"


def parse_duration(text: str, field: str = "duration") -> int:
    """Parse a duration into ms, rounded to the nearest.

    Accepts what Go's ``time.ParseDuration`` accepts, without a sign: one or more numbers, each with one of the units
    ns, us, µs, ms, s, m, h; or a plain ``0``.

    Args:
        text: the duration.
        field: the name of the field in the error.

    Raises:
        InvalidDuration: ``text`` is no duration, is negative, is longer than :data:`MAX_DURATION_MS`, or is not zero
            but shorter than 1 ms.
    """
    if text == "0":
        return 0
    if text.startswith("-"):
        raise InvalidDuration(field, text, f"a duration that is not negative, {_EXAMPLES}")
    if len(text) > _MAX_LENGTH or not _WHOLE.fullmatch(text):
        raise InvalidDuration(field, text, f"a duration {_EXAMPLES}")
    exact_ms = sum((Decimal(number) * _UNIT_MS[unit] for number, unit in _PART.findall(text)), Decimal(0))
    if exact_ms > MAX_DURATION_MS:
        raise InvalidDuration(field, text, f"a duration of at most 100 years ({MAX_DURATION_MS // 3_600_000}h)")
    if 0 < exact_ms < 1:
        raise InvalidDuration(field, text, "a duration of at least 1ms, or 0")
    return int(exact_ms.to_integral_value(ROUND_HALF_UP))


def parse_positive_duration(text: str, field: str = "duration") -> int:
    """Parse a duration that is not zero; otherwise as :func:`parse_duration`.

    Raises:
        InvalidDuration: also for zero.
    """
    duration_ms = parse_duration(text, field)
    if duration_ms == 0:
        raise InvalidDuration(field, text, f"a duration longer than zero, {_EXAMPLES}")
    return duration_ms


def format_duration(duration_ms: int) -> str:
    """Format a duration as Go's ``Duration.String`` does: ``1h30m0s``, ``1.5s``, ``500ms``, ``0s``.

    Args:
        duration_ms: 0 or more.
    """
    if 0 < duration_ms < 1_000:
        return f"{duration_ms}ms"
    minutes, rest_ms = divmod(duration_ms, 60_000)
    hours, minutes = divmod(minutes, 60)
    seconds = f"{rest_ms // 1_000}.{rest_ms % 1_000:03}".rstrip("0").rstrip(".") + "s"
    if hours:
        return f"{hours}h{minutes}m{seconds}"
    return f"{minutes}m{seconds}" if minutes else seconds
