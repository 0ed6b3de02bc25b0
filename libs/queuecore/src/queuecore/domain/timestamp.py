"""Timestamps in the format of RFC 3339: ``2024-01-15T10:00:00Z``."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta

from queuecore.errors import InvalidTimestamp

LAST_MS = 253_402_300_799_999
"""The last moment that can be formatted, Unix ms: the end of the year 9999."""

_FORM = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"[Tt](?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|(?P<leap>60))"
    r"(?:\.[0-9]+)?"
    r"(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
)
_EXPECTED = "an RFC 3339 time with a zone, such as 2024-01-15T10:00:00Z or 2024-01-15T11:00:00.250+01:00"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def parse_rfc3339(text: str, field: str = "time") -> int:
    """Parse a timestamp into Unix ms, truncated to the millisecond.

    A leap second (``23:59:60`` in UTC) is read as the second after it, because Unix time cannot represent it.

    Args:
        text: date, time with seconds, and zone: ``Z`` or an offset such as ``+01:00``.
        field: the name of the field in the error.

    Raises:
        InvalidTimestamp: ``text`` has another format, does not exist, or is in UTC outside the years 0001 to 9999.
    """
    match = _FORM.fullmatch(text)
    if match is None:
        raise InvalidTimestamp(field, text, _EXPECTED)
    try:
        moment = _read(text, is_leap=match["leap"] is not None)
    except (ValueError, OverflowError) as error:
        raise InvalidTimestamp(field, text, f"{_EXPECTED} ({error})") from error
    return (moment - _EPOCH) // _MILLISECOND


def format_rfc3339(unix_ms: int) -> str:
    """Format a timestamp in UTC, with milliseconds only where they are not zero.

    Raises:
        OverflowError: it is outside the years 0001 to 9999.
    """
    moment = _EPOCH.replace(tzinfo=None) + timedelta(milliseconds=unix_ms)
    return moment.isoformat(timespec="milliseconds" if unix_ms % 1_000 else "seconds") + "Z"


def _read(text: str, *, is_leap: bool) -> datetime:
    if not is_leap:
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    # In the accepted format only the seconds can be 60.
    moment = _read(text.replace(":60", ":59"), is_leap=False) + timedelta(seconds=1)
    if moment.time().replace(microsecond=0) != time():
        raise ValueError("a leap second comes only after 23:59:59 in UTC")
    return moment
