"""What a handler's end looks like to the store: its result as JSON, its error as text."""

from __future__ import annotations

import msgspec

from queuecore.wire.attempt import ERROR_LENGTH
from queueworker.handlers.errors import DoNotRetry

MAX_RESULT_BYTES = 1024 * 1024


def encode_result(value: object) -> bytes:
    """A result as JSON; empty for ``None``.

    Raises:
        DoNotRetry: it cannot be written as JSON, or is too long; the next attempt would return no other.
    """
    if value is None:
        return b""
    try:
        encoded = msgspec.json.encode(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise DoNotRetry(f"the task ran, but its result cannot be written as JSON: {error}") from error
    if len(encoded) > MAX_RESULT_BYTES:
        raise DoNotRetry(f"the task ran, but its result has {len(encoded)} bytes; the limit is {MAX_RESULT_BYTES}")
    return encoded


def describe_error(error: BaseException) -> str:
    """An error as the task's last error: never too long, and fit for UTF-8."""
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - an error that cannot be told is still its task's failure
        text = ""
    told = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return told[:ERROR_LENGTH].encode(errors="backslashreplace").decode()
