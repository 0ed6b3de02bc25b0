"""Outcome of a handler as the store keeps it: result as JSON, error as text."""

from __future__ import annotations

from queuecore.wire.attempt import ERROR_LENGTH
from taskyard.errors import DoNotRetry
from taskyard.payloads.codec import encode_json

MAX_RESULT_BYTES = 1024 * 1024


def encode_result(value: object) -> bytes:
    """Encode a result as JSON; ``None`` as empty bytes.

    Raises:
        DoNotRetry: the value has no JSON form or is larger than :data:`MAX_RESULT_BYTES`. Another attempt would return
            the same.
    """
    if value is None:
        return b""
    try:
        encoded = encode_json(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise DoNotRetry(f"the task ran, but its result cannot be written as JSON: {error}") from error
    if len(encoded) > MAX_RESULT_BYTES:
        raise DoNotRetry(f"the task ran, but its result has {len(encoded)} bytes; the limit is {MAX_RESULT_BYTES}")
    return encoded


def format_error(error: BaseException) -> str:
    """Format an exception as the last error of a task: bounded length, valid UTF-8."""
    try:
        message = str(error)
    except Exception:  # noqa: BLE001 - an exception whose __str__ raises is still a failure of the task
        message = ""
    text = f"{type(error).__name__}: {message}" if message else type(error).__name__
    return text[:ERROR_LENGTH].encode(errors="backslashreplace").decode()
