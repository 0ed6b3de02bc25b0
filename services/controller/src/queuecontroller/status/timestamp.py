"""Timestamps of a status: RFC 3339 text and Unix seconds."""

from __future__ import annotations

from queuecore.domain.timestamp import format_rfc3339, parse_rfc3339


def format_time(at_s: float) -> str:
    """RFC 3339 text of Unix seconds."""
    return format_rfc3339(round(at_s * 1000))


def parse_time(text: str) -> float:
    """Unix seconds of RFC 3339 text.

    Raises:
        InvalidTimestamp: ``text`` is no timestamp.
    """
    return parse_rfc3339(text) / 1000
